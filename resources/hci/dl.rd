<resource schema="hci" resdir="hci">
	<!-- What belongs to a product, from its raw frames to what was measured on it. -->

	<FEED source="hci/q#about"/>

	<service id="links" allowed="dlmeta">
		<meta name="title">High-Contrast Archive: links of a product</meta>
		<meta name="shortName">HCA DL</meta>
		<meta name="description">For a product: the file, its preview, what was made beside it and from it, its
			calibrations and raw frames.</meta>
		<publish render="dlmeta" sets="ivo_managed"/>
		<datalinkCore>
			<descriptorGenerator>
				<setup imports="gavo.protocols.products, gavo.rscdef">
					<code>
						PRODUCT = """
							SELECT p.accref, p.obs_id, p.kind, p.algorithm, p.process_id, p.calib_level,
								p.obs_title, p.dataproduct_type, p.access_format, p.filesize, f.accesspath, f.preview
							FROM hci.product AS p JOIN dc.products AS f USING (accref)
						"""
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
					except ValueError:
						return DatalinkFault.NotFoundFault(pubDID, "Not an identifier of this archive")
					with base.getTableConn() as conn:
						rows = list(conn.queryToDicts(PRODUCT + " WHERE p.accref = %(accref)s",
							{"accref": accref}))
						if not rows:
							return DatalinkFault.NotFoundFault(pubDID, "No public product has this identifier")
						descriptor = ProductOfArchive(pubDID, rows[0])
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
							" WHERE p.accref IN (SELECT accref FROM input)"
							" OR (%(calib_level)s = 3 AND p.obs_id = %(obs_id)s AND p.kind = 'psf')"
							" ORDER BY p.accref", rows[0]))
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
</resource>
