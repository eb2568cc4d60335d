<resource schema="hci" resdir="hci">
	<!-- Cut-outs of images and cubes: SODA 1.0. DaCHS's own procedures cut the primary HDU alone and ask
	nobody whether the file is public; these look into hci.product first, find the array of files after
	ESO's Phase 3 standard (primary HDU empty; DATA, ERROR, QUALITY) too, and cut all HDUs that lie on its
	pixels alike. Tables and arrays of other pixels come along as they are. -->

	<FEED source="hci/q#about"/>
	<coverage fallbackTo="hci/q"/>

	<procDef type="descriptorGenerator" id="public_image">
		<doc>The file of a public image or cube, the HDU with its array, its coordinates.</doc>
		<setup imports="math, os, warnings, numpy, gavo.rscdef, gavo.svcs, gavo.utils.pgsphere">
			<code><![CDATA[
				from astropy.io import fits
				from astropy.units import Unit
				from astropy.wcs import WCS

				PUBLIC = """
					SELECT p.access_format, p.dataproduct_type, f.accesspath
					FROM hci.product AS p JOIN dc.products AS f USING (accref) WHERE p.accref = %(accref)s
				"""
				FITS_TYPES = ("image/fits", "application/fits", "application/x-fits-mef")
				UNITS = {"MICRONS": "um", "MICRON": "um", "ANGSTROMS": "angstrom"}

				def is_array(hdu):
					return hdu.is_image and hdu.header["NAXIS"] >= 2

				def science_index(hdus):
					"""The HDU with the data: the primary, else the one that ESO's keywords or name tell."""
					if is_array(hdus[0]):
						return 0
					arrays = [index for index, hdu in enumerate(hdus) if is_array(hdu)]
					told = [index for index in arrays if hdus[index].header.get("HDUCLAS2") == "DATA"
						or hdus[index].name == "DATA"]
					return (told or arrays or [None])[0]

				def celestial(header):
					"""World coordinates of axes 1 and 2, None where there are none on the sky."""
					with warnings.catch_warnings():
						warnings.simplefilter("ignore")
						found = WCS(header, naxis=2)
					return found if found.has_celestial else None

				def spectral(hdus, header):
					"""FITS axis, shortest and longest wavelength (m) of each plane; None without such an axis."""
					for axis in range(3, header["NAXIS"] + 1):
						kind = header.get("CTYPE%d" % axis, "").strip().upper()[:4]
						if kind in ("WAVE", "AWAV"):
							middle, width = linear(header, axis)
						elif kind == "CHAN":
							middle, width = channels(hdus, header)
						else:
							continue
						lost = header["NAXIS%d" % axis] - len(middle)  # planes that are of no single channel
						middle, width = (numpy.append(one, numpy.full(max(lost, 0), numpy.nan))
							for one in (middle, width))
						if numpy.isfinite(middle).any():
							return axis, middle - width / 2, middle + width / 2
					return None

				def linear(header, axis):
					unit = header.get("CUNIT%d" % axis, "m").strip()
					metres = Unit(UNITS.get(unit.upper(), unit)).to("m")
					step = header.get("CD%d_%d" % (axis, axis), header.get("CDELT%d" % axis, 1.0))
					pixels = numpy.arange(header["NAXIS%d" % axis]) + 1 - header.get("CRPIX%d" % axis, 1.0)
					middle = (header.get("CRVAL%d" % axis, 0.0) + pixels * step) * metres
					return middle, numpy.full(len(middle), abs(step) * metres)

				def channels(hdus, header):
					"""Wavelength and width of channels: of the table CHANNELS, else of cards WAVLENi."""
					if "CHANNELS" in hdus:
						table = hdus["CHANNELS"].data
						width = numpy.nan_to_num(numpy.asarray(table["WIDTH"], float))
						return numpy.asarray(table["WAVELENGTH"], float) * 1e-6, width * 1e-6
					numbers = range(1, 1 + len(header.get("WAVLEN*", {})))
					middle = numpy.array([header["WAVLEN%d" % number] for number in numbers], float) * 1e-6
					return middle, numpy.zeros(len(middle))

				class PublicImage(ProductDescriptor):
					"""A public image with what cutting needs; opened anew for each request."""
					suppressAutoLinks = True

					def __init__(self, pubDID, accref, row):
						ProductDescriptor.__init__(self, pubDID, accref, row["accesspath"], row["access_format"])
						self.hdus = fits.open(row["accesspath"], do_not_scale_image_data=True)
						self.index = science_index(self.hdus)
						self.header = None if self.index is None else self.hdus[self.index].header
						self.wcs = self.header and celestial(self.header)
						self.planes = self.header and spectral(self.hdus, self.header)

					@property
					def shape(self):
						"""Rows and columns."""
						return self.header["NAXIS2"], self.header["NAXIS1"]

					def cleanup(self):
						self.hdus.close()
			]]></code>
		</setup>
		<code><![CDATA[
			if len(args.get("ID") or []) > 1:
				raise base.MultiplicityError("ID must be given once; ask for each cut-out by itself",
					colName="ID")
			try:
				accref = rscdef.getAccrefFromStandardPubDID(pubDID)
				if not accref.isprintable():
					raise ValueError(accref)
			except ValueError:
				return DatalinkFault.NotFoundFault(pubDID, "Not an identifier of this archive")
			with base.getTableConn() as conn:
				rows = list(conn.queryToDicts(PUBLIC, {"accref": accref}))
			if not rows:
				return DatalinkFault.NotFoundFault(pubDID, "No public product has this identifier")
			row, = rows
			if row["dataproduct_type"] not in ("image", "cube") or row["access_format"] not in FITS_TYPES:
				raise base.ValidationError("%s is no image and no cube; it can be had as a whole" % accref, "ID")
			try:
				return PublicImage(pubDID, accref, row)
			except OSError:
				return DatalinkFault.NotFoundFault(pubDID, "The file cannot be read at present")
		]]></code>
	</procDef>

	<procDef type="metaMaker" id="parameters">
		<doc>POS, CIRCLE, POLYGON and BAND, as far as the file has coordinates, with what the file covers.</doc>
		<setup imports="numpy, gavo.utils.pgsphere">
			<code><![CDATA[
				def on_the_sky(descriptor):
					"""Covering polygon and circle."""
					rows, columns = descriptor.shape
					edges = [(-0.5, -0.5), (columns - 0.5, -0.5), (columns - 0.5, rows - 0.5), (-0.5, rows - 0.5)]
					corners = [pgsphere.SPoint.fromDegrees(*map(float, descriptor.wcs.wcs_pix2world(*edge, 0)))
						for edge in edges]
					return pgsphere.SPoly(corners), pgsphere.SCircle.fromPointSet(corners)
			]]></code>
		</setup>
		<code><![CDATA[
			if descriptor.wcs:
				polygon, circle = on_the_sky(descriptor)
				yield MS(InputKey, name="POS", type="text", ucd="pos.outline;obs", multiplicity="forced-single",
					description="Region that the cut-out shall cover: CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2"
						" or POLYGON ra1 dec1 ra2 dec2 ..., in degrees, ICRS")
				yield MS(InputKey, name="CIRCLE", type="double precision(3)", xtype="circle", unit="deg",
					ucd="pos.outline;obs", multiplicity="forced-single",
					description="Circle that the cut-out shall cover: ra, dec, radius",
					values=MS(Values, max=circle.asSODA()))
				yield MS(InputKey, name="POLYGON", type="double precision(*)", xtype="polygon", unit="deg",
					ucd="pos.outline;obs", multiplicity="forced-single",
					description="Polygon that the cut-out shall cover: ra and dec of its corners",
					values=MS(Values, max=polygon.asSODA()))
			if descriptor.planes:
				_, shortest, longest = descriptor.planes
				yield MS(InputKey, name="BAND", type="double precision[2]", xtype="interval", unit="m",
					ucd="em.wl;stat.interval", multiplicity="forced-single",
					description="Wavelengths whose planes the cut-out shall have",
					values=MS(Values, min=float(numpy.nanmin(shortest)), max=float(numpy.nanmax(longest))))
		]]></code>
	</procDef>

	<procDef type="dataFunction" id="cut">
		<doc>The planes and pixels asked for, of all HDUs that lie on the same pixels.</doc>
		<setup imports="gzip, io, math, os, re, tempfile, numpy, gavo.svcs, gavo.utils.pgsphere">
			<code><![CDATA[
				from astropy.io import fits

				REFERENCE = re.compile(r"CRPIX(\d+)[A-Z]?$")
				WANTED = {"CIRCLE": "ra dec radius", "RANGE": "ra1 ra2 dec1 dec2",
					"POLYGON": "ra1 dec1 ra2 dec2 ra3 dec3 ..."}

				def refuse(name, found, wanted):
					raise base.ValidationError("found '%s', wanted %s" % (found, wanted), name)

				def region(args):
					"""Shape and its numbers in degrees, None when all pixels are wanted."""
					given = [name for name in ("POS", "CIRCLE", "POLYGON") if args.get(name) is not None]
					if not given:
						return None
					if len(given) > 1:
						refuse(given[1], " and ".join(given), "one of POS, CIRCLE, POLYGON")
					if given == ["CIRCLE"]:
						shape, numbers = "CIRCLE", args["CIRCLE"].asDALI()
					elif given == ["POLYGON"]:
						shape, numbers = "POLYGON", [number for corner in args["POLYGON"].asCooPairs() for number in corner]
					else:
						shape, *numbers = args["POS"].split() or [""]
					return shape, checked(given[0], shape, numbers)

				def checked(name, shape, numbers):
					wanted = " or ".join("%s %s" % item for item in WANTED.items())
					limits = {"CIRCLE": (360, 90, 180), "RANGE": (360, 360, 90, 90)}.get(
						shape, (360, 90) * (len(numbers) // 2))
					try:
						numbers = [float(number) for number in numbers]
					except ValueError:
						refuse(name, "%s %s" % (shape, numbers), wanted)
					if shape == "RANGE":
						numbers = [min(max(number, -90 if at > 1 else 0), limit) if math.isinf(number) else number
							for at, (number, limit) in enumerate(zip(numbers, limits))]
					lowest = [-90 if limit == 90 else 0 for limit in limits]
					if (shape not in WANTED or len(numbers) != len(limits) or shape == "POLYGON" and len(limits) < 6
							or not all(low <= number <= high for low, number, high in zip(lowest, numbers, limits))
							or shape == "RANGE" and not (numbers[0] <= numbers[1] and numbers[2] <= numbers[3])):
						refuse(name, "%s %s" % (shape, " ".join(map(str, numbers))), wanted + ", in degrees")
					return numbers

				def separation(ra, dec, ra0, dec0):
					"""Angle between directions, all in degrees."""
					ra, dec, ra0, dec0 = map(numpy.radians, (ra, dec, ra0, dec0))
					half = (numpy.sin((dec - dec0) / 2) ** 2
						+ numpy.cos(dec) * numpy.cos(dec0) * numpy.sin((ra - ra0) / 2) ** 2)
					return numpy.degrees(2 * numpy.arcsin(numpy.sqrt(numpy.clip(half, 0, 1))))

				def covering(descriptor, shape, numbers):
					"""Rows and columns of all pixels that a region touches, as slices; EmptyData without any."""
					if shape == "POLYGON":
						return polygon_box(descriptor, numbers)
					rows, columns = descriptor.shape
					y, x = numpy.mgrid[:rows, :columns]
					ra, dec = (one.reshape(y.shape) for one in descriptor.wcs.wcs_pix2world(x.ravel(), y.ravel(), 0))
					# half a diagonal: what touches a pixel is never farther from its middle
					reach = abs(numpy.linalg.det(descriptor.wcs.pixel_scale_matrix)) ** 0.5 * 0.5 ** 0.5
					if shape == "CIRCLE":
						touched = separation(ra, dec, *numbers[:2]) <= numbers[2] + reach
					else:
						ra1, ra2, dec1, dec2 = numbers
						wide = reach / numpy.maximum(numpy.cos(numpy.radians(dec)), 1e-9)
						touched = (((ra - ra1 + wide) % 360 <= ra2 - ra1 + 2 * wide) | (ra2 - ra1 + 2 * wide >= 360)) & (
							dec >= dec1 - reach) & (dec <= dec2 + reach)
					return span(touched.any(axis=1)), span(touched.any(axis=0))

				def span(wanted):
					at, = numpy.nonzero(wanted)
					if not len(at):
						raise soda.EmptyData()
					return slice(int(at[0]), int(at[-1]) + 1)

				def polygon_box(descriptor, numbers):
					"""Likewise: great circles are straight lines in a gnomonic image, so the corners are clipped there."""
					corners = numpy.reshape(numbers, (-1, 2))
					if (separation(*corners.T, *descriptor.wcs.wcs.crval) > 89).any():
						refuse("POLYGON", "a corner more than 89 deg from the image", "corners near the image")
					points = numpy.transpose(descriptor.wcs.wcs_world2pix(*corners.T, 0))
					rows, columns = descriptor.shape
					for axis, sign, limit in ((0, 1, -0.5), (0, -1, 0.5 - columns), (1, 1, -0.5), (1, -1, 0.5 - rows)):
						points = clipped(points, sign * points[:, axis] - limit)
						if not len(points):
							raise soda.EmptyData()
					low, high = (points.min(axis=0) + 0.5).astype(int), (points.max(axis=0) + 0.5).astype(int)
					return (slice(int(low[1]), min(int(high[1]) + 1, rows)),
						slice(int(low[0]), min(int(high[0]) + 1, columns)))

				def clipped(points, inside):
					"""Part of a polygon on the positive side of a line (Sutherland & Hodgman 1974)."""
					kept = []
					for here, next_, depth, next_depth in zip(
							points, numpy.roll(points, -1, axis=0), inside, numpy.roll(inside, -1)):
						if depth >= 0:
							kept.append(here)
						if (depth < 0) != (next_depth < 0):
							kept.append(here + (next_ - here) * depth / (depth - next_depth))
					return numpy.array(kept)

				def planes(descriptor, band):
					"""FITS axis and the slice of its planes that have a wavelength of a band."""
					low, high = band
					if low is None or high is None or low > high:
						refuse("BAND", "%s %s" % (low, high), "two wavelengths in m, in ascending order; -Inf, +Inf for open ends")
					axis, shortest, longest = descriptor.planes
					return axis, span((longest >= low) & (shortest <= high))

				def on_pixels_of(hdu, header):
					return hdu.is_image and hdu.header["NAXIS"] >= 2 and all(
						hdu.header["NAXIS%d" % axis] == header["NAXIS%d" % axis] for axis in (1, 2))

				def unpacked(path, index, within):
					"""Part of a compressed HDU.

					Whole planes packed by gzip are unpacked here, the wanted ones only: astropy 5 takes the bits
					of floats for integers. The rest is astropy's, more than three axes as three, for it knows no more.
					"""
					with fits.open(path, disable_image_compression=True) as packed:
						table, header = packed[index].data, packed[index].header.copy()
						count = header["ZNAXIS"]
						shape = tuple(header["ZNAXIS%d" % axis] for axis in range(count, 0, -1))
						tile = tuple(header.get("ZTILE%d" % axis, header["ZNAXIS1"] if axis == 1 else 1)
							for axis in range(count, 0, -1))
						exact = header["ZCMPTYPE"].startswith("GZIP") and "ZSCALE" not in table.names
						if exact and tile == (1,) * (count - 2) + shape[-2:]:
							numbers = numpy.arange(math.prod(shape[:-2])).reshape(shape[:-2])[within[:-2]]
							planes = [gunzipped(table["COMPRESSED_DATA"][number], header).reshape(shape[-2:])[within[-2:]]
								for number in numbers.ravel()]
							return numpy.array(planes).reshape(numbers.shape + planes[0].shape)
						if exact and header["ZBITPIX"] < 0 or tile[:-2] != (1,) * (count - 2) and count > 3:
							raise base.ValidationError("its HDU %d is packed in a way that cannot be cut;"
								" take the file as a whole" % index, "ID")
						if count > 3:
							header["ZNAXIS"], header["ZNAXIS3"] = 3, math.prod(shape[:-2])
							for axis in range(4, count + 1):
								del header["ZNAXIS%d" % axis]
								header.remove("ZTILE%d" % axis, ignore_missing=True)
						stream = io.BytesIO()
						fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(table, header)]).writeto(stream)
					stream.seek(0)
					with fits.open(stream, do_not_scale_image_data=True) as planes:
						return planes[1].data.reshape(shape)[within]

				def gunzipped(packed, header):
					"""Pixels of a tile; GZIP_2 has the first bytes of all pixels, then the second ones ..."""
					kind = numpy.dtype({8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}[header["ZBITPIX"]])
					content = numpy.frombuffer(gzip.decompress(packed.tobytes()), numpy.uint8)
					if header["ZCMPTYPE"] == "GZIP_2":
						content = numpy.ascontiguousarray(content.reshape(kind.itemsize, -1).T)
					return content.ravel().view(kind)

				def cut_hdu(path, index, hdu, slices, said):
					"""An HDU of the pixels asked for: all its cards, reference pixels moved along."""
					header = hdu.header.copy()
					count = header["NAXIS"]
					within = tuple(slices.get(axis, slice(None)) for axis in range(count, 0, -1))
					for key in list(header):
						found = REFERENCE.match(key)
						if found and int(found[1]) in slices:
							header[key] -= slices[int(found[1])].start
					header.add_history(said)
					packed = isinstance(hdu, fits.CompImageHDU)
					data = unpacked(path, index, within) if packed else hdu.section[within]
					kind = fits.PrimaryHDU if isinstance(hdu, fits.PrimaryHDU) else fits.ImageHDU
					return kind(data, header, do_not_scale_image_data=True)

				def write_aside(hdus):
					handle, name = tempfile.mkstemp(suffix=".fits", dir=base.getConfig("tempDir"))
					try:
						with os.fdopen(handle, "wb") as stream:
							hdus.writeto(stream, checksum=True)
					except BaseException:
						os.unlink(name)
						raise
					return name
			]]></code>
		</setup>
		<code><![CDATA[
			slices = {}
			shape = region(args)
			if shape:
				slices[2], slices[1] = covering(descriptor, *shape)
			if args.get("BAND") is not None:
				axis, slices_of_band = planes(descriptor, args["BAND"])
				slices[axis] = slices_of_band
			if not slices:
				descriptor.data = File(descriptor.accessPath, descriptor.mime)
				return
			said = "cut out by SODA, pixels from 1: " + ", ".join("axis %d %d to %d" % (
				axis, part.start + 1, part.stop) for axis, part in sorted(slices.items()))
			header = descriptor.header
			cut = []
			for index, hdu in enumerate(descriptor.hdus):
				if on_pixels_of(hdu, header):
					# The same planes too, where the HDU has that axis.
					here = {axis: part for axis, part in slices.items() if axis <= hdu.header["NAXIS"]
						and hdu.header["NAXIS%d" % axis] == header["NAXIS%d" % axis]}
					hdu = cut_hdu(descriptor.accessPath, index, hdu, here, said)
				cut.append(hdu)
			descriptor.data = TemporaryFile(write_aside(fits.HDUList(cut)), descriptor.mime)
		]]></code>
	</procDef>

	<service id="cutout" allowed="dlget">
		<meta name="title">High-Contrast Archive: cut-outs</meta>
		<meta name="shortName">HCA SODA</meta>
		<meta name="resType">dataService</meta>
		<meta name="description">Cuts regions and wavelengths out of images and cubes, with coordinates and all
			header cards.</meta>
		<publish render="dlget" sets="ivo_managed"/>
		<datalinkCore>
			<descriptorGenerator procDef="public_image"/>
			<metaMaker procDef="parameters"/>
			<dataFunction procDef="cut"/>
		</datalinkCore>
	</service>

	<regSuite title="cut-outs" sequential="True">
		<regTest title="an image has a place on the sky">
			<url parSet="TAP" QUERY="SELECT TOP 1 obs_publisher_did, s_ra, s_dec FROM hci.product
				WHERE kind = 'image' AND s_ra IS NOT NULL ORDER BY accref">/tap/sync</url>
			<code>
				row = self.getUnique(self.getVOTableRows())
				did = row["obs_publisher_did"].replace(":", "%3A").replace("?", "%3F")
				address = "/hci/soda/cutout/dlget?ID=" + did + "&amp;POS=CIRCLE+"
				self.followUp.url.content_ = address + "%.9f+%.9f+0.00001" % (row["s_ra"], row["s_dec"])
				self.followUp.followUp.url.content_ = address + "%.9f+%.9f+0.00001" % (
					(row["s_ra"] + 180) % 360, -row["s_dec"])
			</code>
		</regTest>
		<regTest title="its middle comes out as FITS">
			<url>replaced</url>
			<code>
				# A file without coordinates has nothing to cut: the parameter is refused.
				if self.status == 422:
					self.assertHasStrings("not accepted")
				else:
					self.assertHTTPStatus(200)
					self.assertHasStrings("SIMPLE  =", "cut out by SODA")
			</code>
		</regTest>
		<regTest title="the other side of the sky is empty">
			<url>replaced</url>
			<code>
				self.assertTrue(self.status in (204, 422), self.status)
			</code>
		</regTest>
	</regSuite>
</resource>
