<resource schema="hci" resdir="hci">
	<!-- Images found by place, wavelength, time and all else that the protocols of image search know. -->

	<FEED source="hci/q#about"/>
	<coverage fallbackTo="hci/q"/>

	<!-- DaCHS's own parameters, but where SIA 2.0 asks for more: single numbers are intervals, open ends
	on the sphere, any radius, closed polygons, columns of single precision compared as such, identifiers
	without regard to case, and refusals that say what is wrong. -->
	<procDef type="phraseMaker" id="shape">
		<doc>Matches the footprint against shapes as POS has them.</doc>
		<setup imports="math, numpy, gavo.utils.pgsphere">
			<code><![CDATA[
				HINT = ("wanted: CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2 or POLYGON ra1 dec1 ra2 dec2"
					" ra3 dec3 ..., in degrees, ra in 0..360, dec in -90..90, radius in 0..180")
				LIMITS = ((0, 360), (-90, 90))

				def refuse(text):
					raise base.ValidationError("'%s' is no region on the sky; %s"
						% (utils.makeEllipsis(text, 60), HINT), "POS")

				def point(text, ra, dec):
					if not (0 <= ra <= 360 and -90 <= dec <= 90):
						refuse(text)
					return pgsphere.SPoint.fromDegrees(ra, dec)

				def circle(text, numbers, outPars):
					if len(numbers) != 3 or not 0 <= numbers[2] <= 180:
						refuse(text)
					ra, dec, radius = numbers
					centre = point(text, ra, dec)
					if radius <= 90:
						shape = pgsphere.SCircle(centre, math.radians(radius))
						return "s_region && %%(%s)s" % base.getSQLKey("pos", shape, outPars)
					# pgSphere has none larger: all that is not wholly inside the rest of the sphere.
					rest = pgsphere.SCircle(pgsphere.SPoint.fromDegrees((ra + 180) % 360, -dec),
						math.radians(180 - radius))
					return "NOT (s_region @ %%(%s)s)" % base.getSQLKey("pos", rest, outPars)

				def box(text, numbers, outPars):
					if len(numbers) != 4 or any(map(math.isnan, numbers)):
						refuse(text)
					(ra1, ra2), (dec1, dec2) = numbers[:2], numbers[2:]
					(ra1, dec1), (ra2, dec2) = (
						[limit if math.isinf(value) and (value < 0) == (side == 0) else value
							for value, limit in zip(pair, limits)]
						for side, (pair, limits) in enumerate(
							(((ra1, dec1), (0, -90)), ((ra2, dec2), (360, 90)))))
					if ra1 > ra2 or dec1 > dec2:
						refuse(text)
					shape = pgsphere.SBox(point(text, ra1, dec1), point(text, ra2, dec2))
					return "s_region && %%(%s)s" % base.getSQLKey("pos", shape, outPars)

				def simple(corners):
					"""Whether a polygon is one that pgSphere knows, by its gnomonic image about its middle."""
					ra, dec = numpy.radians(corners).T
					at = numpy.array([numpy.cos(dec) * numpy.cos(ra), numpy.cos(dec) * numpy.sin(ra), numpy.sin(dec)])
					middle = at.sum(axis=1)
					east = numpy.cross(middle, at[:, 0])
					north = numpy.cross(east, middle)
					depth = middle @ at
					if not (depth > 0.01 * numpy.linalg.norm(middle)).all() or not east.any():
						return False
					here = numpy.array([east @ at / depth / numpy.linalg.norm(east), north @ at / depth / numpy.linalg.norm(north)])
					there = numpy.roll(here, -1, axis=1)

					def side(begin, end, point):
						"""Side of lines (rows) on which points (columns) lie."""
						(x0, y0), (x1, y1), (x, y) = begin[:, :, None], end[:, :, None], point[:, None, :]
						return numpy.sign((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0))

					apart = side(here, there, here) * side(here, there, there)
					return not ((apart < 0) & (apart.T < 0)).any()

				def polygon(text, numbers, outPars):
					corners = list(zip(numbers[::2], numbers[1::2]))
					if len(corners) > 3 and corners[0] == corners[-1]:
						del corners[-1]
					if len(numbers) % 2 or len(corners) < 3 or len(set(corners)) < len(corners):
						refuse(text)
					shape = pgsphere.SPoly([point(text, *corner) for corner in corners])
					if not simple(corners):
						raise base.ValidationError("'%s' crosses itself or is not smaller than half of the sky"
							% utils.makeEllipsis(text, 60), "POS")
					return "s_region && %%(%s)s" % base.getSQLKey("pos", shape, outPars)

				SHAPES = {"CIRCLE": circle, "RANGE": box, "POLYGON": polygon}
			]]></code>
		</setup>
		<code>
			for text in inPars["POS"]:
				name, *numbers = text.split()
				try:
					make, numbers = SHAPES[name], [float(number) for number in numbers]
				except (KeyError, ValueError):
					refuse(text)
				yield make(text, numbers, outPars)
		</code>
	</procDef>

	<procDef type="phraseMaker" id="interval">
		<doc>Matches intervals against a pair of columns, or one column given twice; both ends belong to them.</doc>
		<setup imports="math">
			<par name="low" description="Column with the lower end of what a row covers"/>
			<par name="high" description="Column with the upper end"/>
			<par name="precision" description="SQL type of these columns">"double precision"</par>
			<code><![CDATA[
				LARGEST = 3e38  # of single precision
			]]></code>
		</setup>
		<code><![CDATA[
			name = inputKeys[0].name
			for lower, upper in inPars[name]:
				if lower is None or upper is None or lower > upper:  # NaN comes as None
					raise base.ValidationError("'%s %s' is no interval; wanted: one number, or two in"
						" ascending order, -Inf or +Inf for an open end" % (lower, upper), name)
				ends = [value if abs(value) < LARGEST else math.copysign(math.inf, value)
					for value in (lower, upper)]
				keys = [base.getSQLKey(name, value, outPars) for value in ends]
				yield "%s >= CAST(%%(%s)s AS %s) AND %s <= CAST(%%(%s)s AS %s)" % (
					high, keys[0], precision, low, keys[1], precision)
		]]></code>
	</procDef>

	<STREAM id="interval_parameter">
		<condDesc>
			<inputKey name="\name" type="double precision[2]" multiplicity="multiple" xtype="interval"
				unit="\unit" tablehead="\name" description="\meaning">
				<!-- A single number is the interval from itself to itself. -->
				<preparse>
					return " ".join(2 * input.split()) if input and len(input.split()) == 1 else input
				</preparse>
			</inputKey>
			<phraseMaker procDef="hci/sia#interval">
				<bind key="low">"\low"</bind>
				<bind key="high">"\high"</bind>
				<bind key="precision">"\precision"</bind>
			</phraseMaker>
		</condDesc>
	</STREAM>

	<STREAM id="parameters">
		<condDesc>
			<inputKey name="POS" type="text" multiplicity="multiple" tablehead="POS"
				description="Region that the footprint meets: CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2 or
					POLYGON ra1 dec1 ..., in degrees, ICRS"/>
			<phraseMaker procDef="hci/sia#shape"/>
		</condDesc>
		<LOOP>
			<csvItems>
				name,    low,          high,         unit,   precision,        meaning
				BAND,    em_min,       em_max,       m,      real,             "Wavelengths that the data cover in part"
				TIME,    t_min,        t_max,        d,      double precision, "Times (MJD, UTC) that the data cover in part"
				FOV,     s_fov,        s_fov,        deg,    real,             "Diameter of the field of view"
				SPATRES, s_resolution, s_resolution, arcsec, double precision, "Full width at half maximum of the PSF"
				SPECRP,  em_res_power, em_res_power, ,       double precision, "Resolving power"
				EXPTIME, t_exptime,    t_exptime,    s,      double precision, "Integration time"
				TIMERES, t_resolution, t_resolution, s,      double precision, "Resolution on the time axis"
			</csvItems>
			<events passivate="True">
				<FEED source="interval_parameter" name="\name" low="\low" high="\high" unit="\unit"
					precision="\precision" meaning="\meaning"/>
			</events>
		</LOOP>
		<condDesc>
			<inputKey name="POL" type="text" multiplicity="multiple" tablehead="POL"
				description="Polarization state: I Q U V RR LL RL LR XX YY XY YX POLI POLA"/>
			<phraseMaker>
				<code>
					for state in inPars["POL"]:
						yield "position(%%(%s)s IN pol_states) &gt; 0" % base.getSQLKey(
							"pol", "/%s/" % state.strip("/"), outPars)
				</code>
			</phraseMaker>
		</condDesc>
		<condDesc>
			<inputKey name="ID" type="text" multiplicity="multiple" tablehead="ID"
				description="Identifier (obs_publisher_did), without regard to case"/>
			<phraseMaker>
				<code>
					yield "lower(obs_publisher_did) IN %%(%s)s" % base.getSQLKey(
						"id", tuple(one.lower() for one in inPars["ID"]), outPars)
				</code>
			</phraseMaker>
		</condDesc>
		<LOOP listItems="COLLECTION FACILITY INSTRUMENT DPTYPE CALIB TARGET FORMAT">
			<events passivate="True"><FEED source="//siap2#\item\+par"/></events>
		</LOOP>
	</STREAM>

	<service id="v2" allowed="siap2.xml">
		<meta name="title">High-Contrast Archive: image search</meta>
		<meta name="shortName">HCA SIA2</meta>
		<meta name="description">Finds reduced images and calibrated cubes by position, wavelength, time and
			everything else that SIA 2.0 knows.</meta>
		<meta name="sia.type">Pointed</meta>
		<meta name="productTypeServed">image</meta>
		<meta name="productTypeServed">cube</meta>
		<meta name="testQuery.pos.ra">86.82</meta>
		<meta name="testQuery.pos.dec">-51.07</meta>
		<meta name="testQuery.size.ra">0.1</meta>
		<meta name="testQuery.size.dec">0.1</meta>
		<publish render="siap2.xml" sets="ivo_managed"/>
		<dbCore queriedTable="hci/q#product">
			<FEED source="parameters"/>
			<condDesc combining="True">
				<phraseMaker>
					<code>
						yield "dataproduct_type IN ('image', 'cube')"
					</code>
				</phraseMaker>
			</condDesc>
		</dbCore>
	</service>

	<service id="v1" allowed="siap.xml">
		<meta name="title">High-Contrast Archive: images for older clients</meta>
		<meta name="shortName">HCA SIA1</meta>
		<meta name="description">Finds star-subtracted images, north up, by position, for clients that speak SIA 1
			only.</meta>
		<meta name="sia.type">Pointed</meta>
		<meta name="productTypeServed">image</meta>
		<meta name="testQuery.pos.ra">86.82</meta>
		<meta name="testQuery.pos.dec">-51.07</meta>
		<meta name="testQuery.size.ra">0.1</meta>
		<meta name="testQuery.size.dec">0.1</meta>
		<publish render="siap.xml" sets="ivo_managed"/>
		<dbCore queriedTable="hci/q#product" sortKey="obs_publisher_did">
			<condDesc joiner="AND">
				<inputKey name="POS" type="text" required="True" ucd="pos.eq" multiplicity="single"
					description="Middle of the region: ra,dec in degrees, ICRS"/>
				<inputKey name="SIZE" type="text" required="True" ucd="pos.eq" unit="deg" multiplicity="single"
					description="Size of the region in degrees: one number, or width,height"/>
				<inputKey name="INTERSECT" type="text" multiplicity="single" description="How images lie to the region">
					<values default="OVERLAPS"><option>COVERS</option><option>ENCLOSED</option>
						<option>CENTER</option><option>OVERLAPS</option></values>
				</inputKey>
				<inputKey name="FORMAT" type="text" multiplicity="single"
					description="ALL, image/fits, METADATA; GRAPHIC finds nothing, previews come by DataLink">
					<values default="ALL"/>
				</inputKey>
				<phraseMaker>
					<setup imports="gavo.protocols.siap">
						<code>
							FORMATS = ("ALL", "image/fits", "application/fits")
						</code>
					</setup>
					<code>
						# DaCHS's shapes are written for a column of this name.
						yield siap.getQuery(None, inPars, outPars).replace("coverage", "s_region")
						yield "dataproduct_type = 'image' AND calib_level = 3"
						if inPars["FORMAT"] not in FORMATS:
							yield "FALSE"
					</code>
				</phraseMaker>
			</condDesc>
			<outputTable>
				<outputField name="accref" type="text" displayHint="type=product" select="access_url"
					ucd="VOX:Image_AccessReference" description="Where to get the image"/>
				<outputField name="mime" type="text" select="access_format" description="Media type of the file"/>
				<outputField name="accsize" type="bigint" unit="byte" select="filesize" ucd="VOX:Image_FileSize"
					description="Size of the file"><values nullLiteral="-1"/></outputField>
				<outputField name="imageTitle" type="text" select="obs_title" description="What the image shows"/>
				<outputField name="instId" type="text" select="instrument_name" description="Instrument"/>
				<outputField name="dateObs" type="double precision" unit="d" xtype="mjd" select="(t_min + t_max) / 2"
					description="Middle of the observation, MJD, UTC"/>
				<outputField name="centerAlpha" type="double precision" unit="deg" select="s_ra"
					description="Right ascension of the star, in the middle of the image, ICRS"/>
				<outputField name="centerDelta" type="double precision" unit="deg" select="s_dec"
					description="Declination of the star, in the middle of the image, ICRS"/>
				<outputField name="nAxes" type="integer" select="2" description="Number of axes">
					<values nullLiteral="-1"/></outputField>
				<outputField name="pixelSize" type="integer[]" unit="pixel"
					select="ARRAY[s_xel1, s_xel2]::integer[]" description="Pixels along each axis"/>
				<outputField name="pixelScale" type="real[]" unit="deg/pixel"
					select="ARRAY[s_pixel_scale, s_pixel_scale] / 3600" description="Size of a pixel along each axis"/>
				<outputField name="refFrame" type="text" select="'ICRS'" description="Celestial frame"/>
				<outputField name="wcs_projection" type="text" select="'TAN'" description="Projection"/>
				<outputField name="wcs_refPixel" type="real[]" unit="pixel"
					select="ARRAY[s_xel1 + 1, s_xel2 + 1]::real[] / 2" description="Pixel of the star, from 1"/>
				<outputField name="wcs_refValues" type="double precision[]" unit="deg" select="ARRAY[s_ra, s_dec]"
					description="Place of the star"/>
				<outputField name="wcs_cdmatrix" type="real[]" unit="deg/pixel"
					select="ARRAY[-s_pixel_scale, 0, 0, s_pixel_scale] / 3600" description="CD matrix: north up, east left"/>
				<outputField name="bandpassId" type="text" select="filter" description="Filter combination"/>
				<outputField name="bandpassUnit" type="text" select="'m'" description="Unit of wavelengths"/>
				<outputField name="bandpassRefval" type="double precision" unit="m" select="(em_min + em_max) / 2"
					description="Middle wavelength"/>
				<outputField name="bandpassHi" type="double precision" unit="m" select="em_max"
					description="Longest wavelength"/>
				<outputField name="bandpassLo" type="double precision" unit="m" select="em_min"
					description="Shortest wavelength"/>
				<outputField name="pixflags" type="text" select="'F'" ucd="VOX:Image_PixFlags"
					description="F: pixels were interpolated"/>
				<outputField name="obs_publisher_did" type="text" ucd="meta.ref.ivoid" select="obs_publisher_did"
					description="Identifier of the file"/>
			</outputTable>
		</dbCore>
	</service>

	<regSuite title="image search" sequential="True">
		<regTest title="ObsCore has an image with a place on the sky">
			<url parSet="TAP" QUERY="SELECT TOP 1 s_ra, s_dec, obs_publisher_did FROM ivoa.obscore
				WHERE dataproduct_type = 'image' AND s_ra IS NOT NULL ORDER BY obs_publisher_did">/tap/sync</url>
			<code>
				row = self.getUnique(self.getVOTableRows())
				self.followUp.url.content_ = ("/hci/sia/v2/siap2.xml?POS=CIRCLE+%(s_ra)f+%(s_dec)f+0.001"
					"&amp;DPTYPE=image" % row)
				self.followUp.followUp.url.content_ = (
					"/hci/sia/v1/siap.xml?POS=%(s_ra)f,%(s_dec)f&amp;SIZE=0.001" % row)
			</code>
		</regTest>
		<regTest title="SIA2 finds images there">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				rows = self.getVOTableRows()
				self.assertTrue(rows, "no row")
				self.assertEqual({row["dataproduct_type"] for row in rows}, {"image"})
			</code>
		</regTest>
		<regTest title="SIA1 answers there">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertHasStrings('value="OK"', "VOX:Image_AccessReference")
			</code>
		</regTest>
	</regSuite>
</resource>
