<resource schema="hci" resdir="hci">
	<!-- What belongs to a product, from its raw frames to what was measured on it. -->

	<FEED source="hci/q#about"/>
	<coverage fallbackTo="hci/q"/>

	<procDef type="descriptorGenerator" id="public_file">
		<doc>A public file, raw frames too: the view dc.products holds no others.</doc>
		<setup imports="gavo.rscdef">
			<code>
				FILE = """
					SELECT f.accref, f.accesspath, f.mime, f.preview, p.process_id, p.obs_id, p.calib_level
					FROM dc.products AS f LEFT JOIN hci.product AS p USING (accref) WHERE f.accref = %(accref)s
				"""

				class PublicFile(ProductDescriptor):
					"""A public file, and the row of its product where it is one."""
					suppressAutoLinks = True

					def __init__(self, pubDID, row):
						ProductDescriptor.__init__(self, pubDID, row["accref"], row["accesspath"], row["mime"],
							preview=row["preview"])
						self.row = row
			</code>
		</setup>
		<code>
			try:
				accref = rscdef.getAccrefFromStandardPubDID(pubDID)
				if not accref.isprintable():
					raise ValueError(accref)
			except ValueError:
				return DatalinkFault.NotFoundFault(pubDID, "Not an identifier of this archive")
			with base.getTableConn() as conn:
				rows = list(conn.queryToDicts(FILE, {"accref": accref}))
			if not rows:
				return DatalinkFault.NotFoundFault(pubDID, "No public file has this identifier")
			return PublicFile(pubDID, rows[0])
		</code>
	</procDef>

	<service id="header" allowed="dlget">
		<meta name="title">High-Contrast Archive: header of a file</meta>
		<meta name="description">All cards of all HDUs of a FITS file, as text.</meta>
		<datalinkCore>
			<descriptorGenerator procDef="public_file"/>
			<dataFunction>
				<setup imports="gavo.svcs">
					<code>
						from astropy.io import fits

						def cards(path):
							# As they stand in the file: of compressed HDUs those of the table.
							with fits.open(path, disable_image_compression=True) as hdus:
								for number, hdu in enumerate(hdus):
									yield "# HDU %d %s" % (number, hdu.name)
									yield hdu.header.tostring(sep="\n", endcard=True, padding=False)
					</code>
				</setup>
				<code>
					try:
						text = "\n".join(cards(descriptor.accessPath)) + "\n"
					except OSError:
						raise svcs.UnknownURI("%s is no FITS file, or cannot be read" % descriptor.accref)
					descriptor.data = "text/plain", text.encode("ascii", "replace")
				</code>
			</dataFunction>
		</datalinkCore>
	</service>

	<service id="thumbnail" allowed="dlget">
		<meta name="title">High-Contrast Archive: thumbnail of a product</meta>
		<meta name="description">The preview of a product, at most 200 pixels a side, as PNG.</meta>
		<datalinkCore>
			<descriptorGenerator procDef="public_file"/>
			<dataFunction>
				<setup imports="io, os, gavo.svcs">
					<code>
						from PIL import Image

						SIDE = 200
					</code>
				</setup>
				<code>
					try:
						with Image.open(descriptor.preview or os.devnull) as picture:
							picture.thumbnail((SIDE, SIDE))
							stream = io.BytesIO()
							picture.save(stream, "PNG")
					except OSError:
						raise svcs.UnknownURI("%s has no preview" % descriptor.accref)
					descriptor.data = "image/png", stream.getvalue()
				</code>
			</dataFunction>
		</datalinkCore>
	</service>

	<service id="log" allowed="dlget">
		<meta name="title">High-Contrast Archive: log of a process</meta>
		<meta name="description">What the process that made a product wrote while it ran, a JSON object a line;
			names of files that are not public, of hosts and of folders are left out.</meta>
		<datalinkCore>
			<descriptorGenerator procDef="public_file"/>
			<dataFunction>
				<setup imports="json, re, gavo.svcs">
					<code><![CDATA[
						LOG = "SELECT path FROM dc.process_logs WHERE process_id = %(process_id)s"
						INPUTS = "SELECT name FROM hci.process_input WHERE process_id = %(process_id)s"
						FOLDER = re.compile(r"(?<![\w/.])/(?:[\w.+@-]+/)+")

						def told(line, inputs):
							"""A line as everybody may read it; empty for one that says nothing then."""
							said = json.loads(line)
							if said.get("event") == "input" and said.get("name") not in inputs:
								return ""
							said.pop("host", None)
							return FOLDER.sub("", json.dumps(said)) + "\n"
					]]></code>
				</setup>
				<code>
					with base.getTableConn() as conn:
						logs = list(conn.queryToDicts(LOG, descriptor.row))
						inputs = {row["name"] for row in conn.queryToDicts(INPUTS, descriptor.row)}
					try:
						with open(logs[0]["path"], encoding="utf-8") as lines:
							text = "".join(told(line, inputs) for line in lines if line.strip())
					except (IndexError, OSError, ValueError):
						raise svcs.UnknownURI("%s has no log" % descriptor.accref)
					descriptor.data = "text/plain", text.encode("utf-8")
				</code>
			</dataFunction>
		</datalinkCore>
	</service>

	<service id="provenance" allowed="dlget">
		<meta name="title">High-Contrast Archive: provenance of a file</meta>
		<meta name="description">How a file came about, back to the raw frames, as PROV-JSON (W3C member
			submission of 2013) with the attributes of the IVOA Provenance Data Model 1.0. Files that are not
			public are left out.</meta>
		<datalinkCore>
			<descriptorGenerator procDef="public_file"/>
			<dataFunction>
				<setup imports="json">
					<code><![CDATA[
						# Each is asked for many at once: a step back in the chain is three queries, however wide it is.
						ENTITIES = "SELECT * FROM hci.prov_entity WHERE id = ANY(%(ids)s)"
						MADE_BY = "SELECT * FROM hci.prov_was_generated_by WHERE entity = ANY(%(ids)s)"
						ACTIVITIES = "SELECT * FROM hci.prov_activity WHERE id = ANY(%(ids)s)"
						USED = "SELECT * FROM hci.prov_used WHERE activity = ANY(%(ids)s)"
						PARAMETERS = "SELECT * FROM hci.prov_parameter WHERE activity = ANY(%(ids)s)"

						ATTRIBUTED = "SELECT * FROM hci.prov_was_attributed_to WHERE entity = ANY(%(ids)s)"
						ASSOCIATED = "SELECT * FROM hci.prov_was_associated_with WHERE activity = ANY(%(ids)s)"
						AGENTS = "SELECT * FROM hci.prov_agent WHERE id = ANY(%(ids)s)"

						class Chain:
							"""A PROV-JSON document that grows from one file back to its raw frames."""

							def __init__(self, conn, authority):
								self.conn, self.root = conn, "ivo://%s/" % authority
								self.parts = {"prefix": {"hca": self.root,
									"voprov": "http://www.ivoa.net/documents/ProvenanceDM/index.html#"}}

							def ask(self, query, ids):
								return list(self.conn.queryToDicts(query, {"ids": sorted(ids)}))

							def short(self, identifier):
								return identifier.replace(self.root, "hca:", 1)

							def add(self, part, key, **attributes):
								told = {name.replace("__", ":"): value.isoformat() if hasattr(value, "isoformat") else value
									for name, value in attributes.items() if value is not None}
								self.parts.setdefault(part, {})[key] = told

							def relate(self, part, **attributes):
								self.add(part, "_:%s%d" % (part, len(self.parts.get(part, {})) + 1), **attributes)

							def grow(self, identifiers):
								waiting, known = set(identifiers), set()
								while waiting:
									for row in self.ask(ENTITIES, waiting):
										self.add("entity", self.short(row["id"]), voprov__name=row["name"],
											prov__type=row["type"], prov__location=row["location"],
											voprov__generatedAtTime=row["generated_at_time"], hca__sha256=row["sha256"])
									made = self.ask(MADE_BY, waiting)
									activities = {row["activity"] for row in made} - known
									for row in made:
										self.relate("wasGeneratedBy", prov__entity=self.short(row["entity"]),
											prov__activity=self.short(row["activity"]), prov__role=row["role"])
									known |= activities
									waiting = self.look_into(activities) - self.told("entity")

							def name_agents(self):
								"""Who answers for all that the document tells of."""
								due = self.ask(ATTRIBUTED, self.told("entity"))
								for row in due:
									self.relate("wasAttributedTo", prov__entity=self.short(row["entity"]),
										prov__agent=self.short(row["agent"]), prov__role=row["role"])
								led = self.ask(ASSOCIATED, self.told("activity"))
								for row in led:
									self.relate("wasAssociatedWith", prov__activity=self.short(row["activity"]),
										prov__agent=self.short(row["agent"]), prov__role=row["role"])
								for row in self.ask(AGENTS, {row["agent"] for row in due + led}):
									self.add("agent", self.short(row["id"]), voprov__name=row["name"],
										prov__type={"$": "prov:" + row["type"], "type": "prov:QUALIFIED_NAME"})

							def told(self, part):
								"""Full identifiers of what the document has of a kind."""
								return {self.root + key[4:] for key in self.parts.get(part, {})}

							def look_into(self, activities):
								"""Activities with their parameters; what they used is returned."""
								configured = {}
								for row in self.ask(PARAMETERS, activities):
									configured.setdefault(row["activity"], {})["hca:parameter." + row["name"]] = (
											"auto" if row["param_value"] is None else row["param_value"])
								for row in self.ask(ACTIVITIES, activities):
									self.add("activity", self.short(row["id"]), voprov__name=row["name"],
										prov__startTime=row["start_time"], prov__endTime=row["stop_time"],
										hca__version=row["description_version"])
									self.parts["activity"][self.short(row["id"])].update(configured.get(row["id"], {}))
								used = self.ask(USED, activities)
								for row in used:
									self.relate("used", prov__activity=self.short(row["activity"]),
										prov__entity=self.short(row["entity"]), prov__role=row["role"])
								return {row["entity"] for row in used}
					]]></code>
				</setup>
				<code>
					with base.getTableConn() as conn:
						chain = Chain(conn, base.getConfig("ivoa", "authority"))
						# A file may be asked for by its access key alone.
						chain.grow([chain.root + "~?" + descriptor.accref])
						chain.name_agents()
					descriptor.data = "application/json", json.dumps(chain.parts, indent=1).encode("utf-8")
				</code>
			</dataFunction>
		</datalinkCore>
	</service>

	<service id="package" allowed="dlget">
		<meta name="title">High-Contrast Archive: all files of a process</meta>
		<meta name="description">A tar file of all products that one process made, their previews, and a list of
			SHA-256 sums.</meta>
		<datalinkCore>
			<descriptorGenerator procDef="public_file"/>
			<dataFunction>
				<setup imports="io, os, tarfile, gavo.svcs, gavo.svcs.streaming">
					<code>
						SUMS = "SELECT accref, sha256 FROM hci.product WHERE process_id = %(process_id)s"
						FILES = "SELECT accref, accesspath, preview FROM dc.products WHERE accref = ANY(%(accrefs)s)"

						class Package:
							"""A tar file, written while it is sent."""
							type = "application/x-tar"

							def __init__(self, name, rows):
								self.name, self.rows = name, rows

							def render(self, request):
								request.setHeader("content-type", self.type)
								request.setHeader("content-disposition", 'attachment; filename="%s.tar"' % self.name)
								return streaming.streamOut(self.write, request)

							def write(self, stream):
								with tarfile.open(mode="w|", fileobj=stream) as tar:
									self.add_text(tar, "SHA256SUMS", "".join("%s  %s\n" % (row["sha256"],
										os.path.basename(row["accref"])) for row in self.rows))
									for row in self.rows:
										for path in (row["accesspath"], row["preview"]):
											if path and os.path.exists(path):
												tar.add(path, self.within(os.path.basename(path)), filter=self.of_nobody)

							def within(self, name):
								return "%s/%s" % (self.name, name)

							def add_text(self, tar, name, text):
								member = tarfile.TarInfo(self.within(name))
								member.size = len(text)
								tar.addfile(member, io.BytesIO(text.encode("ascii")))

							def of_nobody(self, member):
								member.uid = member.gid = 0
								member.uname = member.gname = ""
								return member
					</code>
				</setup>
				<code>
					with base.getTableConn() as conn:
						sums = {row["accref"]: row for row in conn.queryToDicts(SUMS, descriptor.row)}
						files = list(conn.queryToDicts(FILES, {"accrefs": list(sums)}))
					rows = sorted((row | sums[row["accref"]] for row in files), key=lambda row: row["accref"])
					if not rows:
						raise svcs.UnknownURI("%s is no product" % descriptor.accref)
					descriptor.data = Package("%s_%s" % (descriptor.row["obs_id"].replace(":", "-"),
						descriptor.row["process_id"]), rows)
				</code>
			</dataFunction>
		</datalinkCore>
	</service>

	<service id="links" allowed="dlmeta">
		<meta name="title">High-Contrast Archive: links of a product</meta>
		<meta name="shortName">HCA DL</meta>
		<meta name="resType">dataService</meta>
		<meta name="description">For a product: the file, its preview, what was made beside it and from it, its
			calibrations and raw frames.</meta>
		<publish render="dlmeta" sets="ivo_managed"/>
		<datalinkCore>
			<descriptorGenerator>
				<setup imports="os, urllib.parse, gavo.protocols.products, gavo.rscdef">
					<code>
						# The view dc.products is asked for one file by itself: PostgreSQL reads all of it for a join.
						PRODUCT = """
							SELECT p.accref, p.obs_id, p.kind, p.algorithm, p.process_id, p.calib_level,
								p.obs_title, p.dataproduct_type, p.access_format, p.filesize
							FROM hci.product AS p
						"""
						FILE = "SELECT accesspath, preview FROM dc.products WHERE accref = %(accref)s"
						# What a process read, what the makers of that read, and so on.
						INPUTS = """
							WITH RECURSIVE input AS (
								SELECT accref, dp_id, 1 AS depth FROM hci.process_input
									WHERE process_id = %(process_id)s
								UNION
								SELECT i.accref, i.dp_id, input.depth + 1 FROM input
									JOIN hci.product AS p ON p.accref = input.accref
									JOIN hci.process_input AS i ON i.process_id = p.process_id
									WHERE input.depth &lt; 5
							)
						"""

						class ProductOfArchive(ProductDescriptor):
							"""A public product, its links found by its own row."""
							suppressAutoLinks = True

							def __init__(self, pubDID, row):
								ProductDescriptor.__init__(self, pubDID, row["accref"],
									row["accesspath"], row["access_format"],
									sourceTable="hci.product", preview=row["preview"])
								self.row = row

							def address(self, accref):
								return products.makeProductLink(accref,
									useHost=base.getCurrentServerURL())

							def beside(self, service, description, contentType, localSemantics):
								"""What another service of this descriptor makes of the product."""
								url = base.resolveCrossId("hci/dl#" + service).getURL("dlget")
								return self.makeLink(url + "?ID=" + urllib.parse.quote(self.pubDID, safe=""),
									description=description + " of " + self.row["obs_title"],
									contentType=contentType, localSemantics=localSemantics)

							def link(self, row, semantics):
								qualifier = row["dataproduct_type"]
								if row["kind"].startswith("contrast"):
									qualifier = "spatial-profile"
								return self.makeLink(self.address(row["accref"]),
									description=row["obs_title"], semantics=semantics,
									contentType=row["access_format"],
									contentLength=row["filesize"],
									contentQualifier="#" + qualifier, localSemantics=row["kind"])
					</code>
				</setup>
				<code>
					try:
						accref = rscdef.getAccrefFromStandardPubDID(pubDID)
						if not accref.isprintable():
							raise ValueError(accref)
					except ValueError:
						return DatalinkFault.NotFoundFault(pubDID, "Not an identifier of this archive")
					with base.getTableConn() as conn:
						rows = list(conn.queryToDicts(PRODUCT + " WHERE p.accref = %(accref)s",
							{"accref": accref}))
						files = list(conn.queryToDicts(FILE, {"accref": accref}))
						if not rows or not files:
							return DatalinkFault.NotFoundFault(pubDID, "No public product has this identifier")
						descriptor = ProductOfArchive(pubDID, rows[0] | files[0])
						descriptor.siblings = list(conn.queryToDicts(PRODUCT +
							" WHERE p.process_id = %(process_id)s AND p.accref != %(accref)s"
							" ORDER BY p.accref", rows[0]))
						descriptor.others = list(conn.queryToDicts(PRODUCT +
							" WHERE p.obs_id = %(obs_id)s AND p.kind = %(kind)s AND p.calib_level = 3"
							" AND p.process_id != %(process_id)s ORDER BY p.accref", rows[0]))
						descriptor.derived = list(conn.queryToDicts(PRODUCT +
							" WHERE p.obs_id = %(obs_id)s AND p.process_id IN"
							" (SELECT process_id FROM hci.process_input WHERE accref = %(accref)s)"
							" ORDER BY p.accref", rows[0]))
						descriptor.inputs = list(conn.queryToDicts(INPUTS + PRODUCT +
							" WHERE p.accref IN (SELECT accref FROM input) UNION " + PRODUCT +
							" WHERE %(calib_level)s = 3 AND p.obs_id = %(obs_id)s AND p.kind = 'psf'"
							" ORDER BY accref", rows[0]))
						descriptor.raw = list(conn.queryToDicts(INPUTS +
							" SELECT r.dp_id, r.accref, r.dpr_catg, r.dpr_type, r.filesize, r.at_eso,"
							" min(i.depth) AS depth"
							" FROM hci.raw_frame AS r JOIN input AS i USING (dp_id)"
							" GROUP BY r.dp_id, r.accref, r.dpr_catg, r.dpr_type, r.filesize, r.at_eso"
							" ORDER BY r.dp_id", rows[0]))
					return descriptor
				</code>
			</descriptorGenerator>

			<metaMaker semantics="#this">
				<code>
					yield descriptor.link(descriptor.row, "#this")
				</code>
			</metaMaker>

			<metaMaker semantics="#preview-image">
				<code>
					if descriptor.preview:
						yield descriptor.makeLink(
							descriptor.address(descriptor.accref) + "?preview=True",
							description="Preview of " + descriptor.row["obs_title"],
							contentType="image/png",
							contentQualifier="#image",
							localSemantics="preview")
				</code>
			</metaMaker>

			<metaMaker semantics="#thumbnail">
				<code>
					if descriptor.preview:
						yield descriptor.beside("thumbnail", "Thumbnail", "image/png", "thumbnail")
				</code>
			</metaMaker>

			<metaMaker semantics="#detached-header">
				<code>
					if "fits" in descriptor.row["access_format"]:
						yield descriptor.beside("header", "Header of all HDUs", "text/plain", "header")
				</code>
			</metaMaker>

			<!-- Documents about the product. A further one is another metaMaker of this semantics: a service beside
			those above, and a link to it by descriptor.beside. -->
			<metaMaker semantics="#documentation">
				<code>
					yield descriptor.beside("provenance", "Provenance (PROV-JSON)", "application/json", "provenance")
				</code>
			</metaMaker>

			<metaMaker semantics="#documentation">
				<setup>
					<code>
						LOG = "SELECT path FROM dc.process_logs WHERE process_id = %(process_id)s"
					</code>
				</setup>
				<code>
					with base.getTableConn() as conn:
						logs = [row["path"] for row in conn.queryToDicts(LOG, descriptor.row)]
					if any(os.access(path, os.R_OK) for path in logs):
						yield descriptor.beside("log", "Log of the process", "text/plain", "log")
				</code>
			</metaMaker>

			<metaMaker semantics="#package">
				<code>
					yield descriptor.beside("package", "Files of the process", "application/x-tar", "tar")
				</code>
			</metaMaker>

			<metaMaker>
				<setup>
					<code>
						# How a file made by the same process relates to the others of it.
						TABLES = tuple(kind + form for kind in ("contrast", "candidates")
							for form in ("", "-ecsv", "-votable"))
						BESIDE = dict.fromkeys(TABLES, "#derivation")
						BESIDE.update({"snr": "#auxiliary", "significance": "#auxiliary", "psf": "#auxiliary",
							"corrected": "#derivation"})
						MEASURED = ("snr", "significance", "corrected") + TABLES
					</code>
				</setup>
				<code>
					for row in descriptor.siblings:
						if row["kind"] in ("residual", "image") and descriptor.row["kind"] in MEASURED:
							yield descriptor.link(row, "#progenitor")
						else:
							yield descriptor.link(row, BESIDE.get(row["kind"], "#coderived"))
					for row in descriptor.others:
						yield descriptor.link(row, "#coderived")
					for row in descriptor.derived:
						page = row["kind"] == "quality"
						yield descriptor.link(row, "#documentation" if page else "#derivation")
				</code>
			</metaMaker>

			<metaMaker>
				<setup>
					<code>
						# How a file that went into a product relates to it.
						INPUT = {"dark": "#dark", "flat": "#flat", "centres": "#calibration", "psf": "#auxiliary"}
					</code>
				</setup>
				<code>
					for row in descriptor.inputs:
						yield descriptor.link(row, INPUT.get(row["kind"], "#progenitor"))
				</code>
			</metaMaker>

			<metaMaker>
				<setup>
					<code>
						PORTAL = "https://dataportal.eso.org/dataPortal/file/"
					</code>
				</setup>
				<code>
					for row in descriptor.raw:
						applied = row["dpr_catg"] == "CALIB" and row["depth"] > 1
						semantics = "#calibration" if applied else "#progenitor"
						description = "Raw frame %s (%s)" % (row["dp_id"], row["dpr_type"])
						yield descriptor.makeLink(descriptor.address(row["accref"]),
							description=description + ", this archive's copy", semantics=semantics,
							contentType="image/fits", contentLength=row["filesize"], localSemantics="raw")
						if row["at_eso"]:
							yield descriptor.makeLink(PORTAL + row["dp_id"],
								description=description + ", at ESO", semantics=semantics,
								contentType="image/fits", localSemantics="raw-eso")
				</code>
			</metaMaker>

			<metaMaker semantics="#cutout">
				<setup imports="gavo.svcs">
					<code>
						class Cutout(ProcLinkDef):
							"""The service that cuts this file, told as what it is."""

							def asDict(self):
								return dict(ProcLinkDef.asDict(self), semantics="#cutout", local_semantics="soda",
									content_type="image/fits")
					</code>
				</setup>
				<code>
					# ProcLinkDef looks for this name to know that it may ask for the service's parameters.
					allowedRendsForStealing = ("dlget",)
					if descriptor.row["dataproduct_type"] in ("image", "cube"):
						try:
							link = Cutout(descriptor.pubDID, base.resolveCrossId("hci/soda#cutout"))
						except svcs.UnknownURI:  # its file cannot be read
							return
						if len(link.serviceDescriptor.inputKeys) &gt; 1:  # more than ID: it has coordinates
							yield link
				</code>
			</metaMaker>
		</datalinkCore>
	</service>

	<regSuite title="a product, from TAP to the file" sequential="True">
		<!-- The first image with a preview is asked for by its properties; the tests after it follow its row. -->
		<regTest title="ObsCore has a reduced image, its address is a link">
			<url parSet="TAP" QUERY="SELECT TOP 1 obs_publisher_did, access_url, target_name, s_ra, s_dec
				FROM hci.product WHERE kind = 'image' AND preview IS NOT NULL ORDER BY accref">/tap/sync</url>
			<code>
				self.assertHTTPStatus(200)
				row = self.getUnique(self.getVOTableRows())
				self.assertTrue("/getproduct/" in row["access_url"], row["access_url"])
				self.followUp.url.content_ = ("/hci/dl/links/dlmeta?ID="
					+ row["obs_publisher_did"].replace(":", "%3A").replace("?", "%3F"))
			</code>
		</regTest>
		<regTest title="DataLink tells file, preview, maps, curve, candidates and precursors">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				rows = self.getVOTableRows()
				semantics = [row["semantics"] for row in rows]
				for wanted in ("#this", "#preview-image", "#auxiliary", "#derivation", "#progenitor"):
					self.assertTrue(wanted in semantics, "%s not in %s" % (wanted, semantics))
				qualifiers = [row["content_qualifier"] for row in rows]
				for wanted in ("#image", "#spatial-profile", "#measurements"):
					self.assertTrue(wanted in qualifiers, "%s not in %s" % (wanted, qualifiers))
				this = self.getUnique([row for row in rows if row["semantics"] == "#this"])
				self.followUp.url.content_ = this["access_url"]
			</code>
		</regTest>
		<regTest title="getproduct delivers FITS">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertTrue(self.data.startswith(b"SIMPLE  ="), self.data[:80])
				self.followUp.url.content_ = self.url.httpURL + "?preview=True"
			</code>
		</regTest>
		<regTest title="its preview is a PNG">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertEqual(self.data[1:4], b"PNG")
			</code>
		</regTest>
	</regSuite>

	<regSuite title="beside a product" sequential="True">
		<regTest title="an image has an identifier">
			<url parSet="TAP" QUERY="SELECT TOP 1 obs_publisher_did FROM hci.product
				WHERE kind = 'image' AND preview IS NOT NULL ORDER BY accref">/tap/sync</url>
			<code>
				did = self.getUnique(self.getVOTableRows())["obs_publisher_did"]
				did = did.replace(":", "%3A").replace("?", "%3F")
				test = self
				for service in ("header", "thumbnail", "package"):
					test = test.followUp
					test.url.content_ = "/hci/dl/%s/dlget?ID=%s" % (service, did)
			</code>
		</regTest>
		<regTest title="its header comes as text">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertHasStrings("# HDU 0 PRIMARY", "SIMPLE  =", "OBJECT  =")
			</code>
		</regTest>
		<regTest title="its thumbnail is a PNG">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertEqual(self.data[1:4], b"PNG")
			</code>
		</regTest>
		<regTest title="all files of its process come as a tar file">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertHasStrings("SHA256SUMS", "ustar")
			</code>
		</regTest>
		<regTest title="of what is not there nothing comes">
			<url ID="ivo://nowhere/~?nothing">header/dlget</url>
			<code>
				self.assertHTTPStatus(404)
			</code>
		</regTest>
	</regSuite>
</resource>
