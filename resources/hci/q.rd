<resource schema="hci" resdir="hci">
	<!-- The published views of the archive. Each processing instruction hcvo-table becomes a table
	element: columns, keys and indexes from hcvo/published, then what stands in the instruction.
	DaCHS keeps no rows of its own: views are adopted with "imp -m", a committed row is seen at once. -->

	<STREAM id="about">
		<doc>What all descriptors of this collection say of it.</doc>
		<meta name="creationDate">2026-01-01T00:00:00Z</meta>
		<meta name="version">1</meta>
		<meta name="dataIvoid">ivo://\getConfig{ivoa}{authority}/\\schema/q/collection</meta>
		<meta name="description" format="plain">
			High-contrast images of nearby stars, reduced from raw frames by one reproducible pipeline: calibrated
			sequences, star-subtracted images, maps of signal-to-noise ratio and significance, 5 sigma contrast
			curves corrected for throughput and small samples, and candidate companions with errors from injected
			companions. Each file is linked to the process, parameters, calibrations and raw frames it was made from.
		</meta>
		<meta name="subject">exoplanet-astronomy</meta>
		<meta name="subject">direct-imaging</meta>
		<meta name="subject">coronagraphic-imaging</meta>
		<meta name="subject">high-contrast-techniques</meta>
		<meta name="creator">
			<meta name="name">High-Contrast Archive</meta>
		</meta>
		<meta name="contributor">
			<meta name="name">European Southern Observatory (raw data)</meta>
		</meta>
		<meta name="instrument">SPHERE</meta>
		<meta name="facility">VLT UT3</meta>
		<meta name="coverage.waveband">Infrared</meta>
		<meta name="type">Archive</meta>
		<meta name="contentLevel">Research</meta>
		<meta name="rights" format="plain">Reduced data are licensed under CC BY 4.0: use them, name this archive and
			the observing programme. Raw frames are ESO's, under ESO's data access policy.</meta>
		<meta name="rights.rightsURI">https://spdx.org/licenses/CC-BY-4.0.html</meta>
	</STREAM>

	<meta name="title">High-Contrast Archive: images, contrast curves and candidate companions</meta>
	<meta name="shortName">HCA</meta>
	<meta name="referenceURL">\internallink{/hci/cone/observations/info}</meta>
	<FEED source="about"/>

	<?hcvo-table target ?>
	<?hcvo-table target_name ?>
	<?hcvo-table programme ?>
	<?hcvo-table data_release ?>
	<?hcvo-table observation ?>
	<?hcvo-table raw_frame ?>
	<?hcvo-table recipe ?>
	<?hcvo-table process ?>
	<?hcvo-table product
		<meta name="_associatedDatalinkService">
			<meta name="serviceId">hci/dl#links</meta>
			<meta name="idColumn">obs_publisher_did</meta>
		</meta>
		<mixin source_table="'hci.product'">//obscore#publishObscoreLike</mixin>
		<!-- Modified Julian dates: unsaid, DaCHS's coverage takes days for Julian ones. -->
		<dm>
			(votable:Coords) {
				time: {
					frame: {
						timescale: UTC
						refPosition: TOPOCENTER
						time0: MJD-origin
					}
					location: @t_min
				}
			}
		</dm>
		<dm>
			(votable:Coords) {
				time: {
					frame: {
						timescale: UTC
						refPosition: TOPOCENTER
						time0: MJD-origin
					}
					location: @t_max
				}
			}
		</dm>
	?>
	<?hcvo-table process_input ?>
	<?hcvo-table detection ?>
	<?hcvo-table contrast ?>
	<?hcvo-table ao_condition ?>
	<?hcvo-table science_plane ?>
	<?hcvo-table quality ?>
	<?hcvo-table missing_calibration ?>
	<?hcvo-table prov_entity ?>
	<?hcvo-table prov_activity ?>
	<?hcvo-table prov_used ?>
	<?hcvo-table prov_was_generated_by ?>
	<?hcvo-table prov_parameter ?>
	<?hcvo-table prov_agent ?>
	<?hcvo-table prov_was_associated_with ?>
	<?hcvo-table prov_was_attributed_to ?>

	<!-- Of public rows, as they were at the last "hcvo site coverage". Cells of a quarter of a degree: every star
	is in the record, which stays small. Other descriptors take it from here. -->
	<coverage>
		<updater sourceTable="product" spaceTable="observation" mocOrder="8"/>
	</coverage>

	<data id="collection">
		<meta name="title">High-Contrast Archive</meta>
		<meta name="shortName">HCA tables</meta>
		<register services="//tap#run" sets="ivo_managed,local"/>
		<LOOP listItems="target target_name programme data_release observation raw_frame recipe process product process_input detection contrast ao_condition science_plane quality missing_calibration
				prov_entity prov_activity prov_used prov_was_generated_by prov_parameter
				prov_agent prov_was_associated_with prov_was_attributed_to">
			<events><make table="\item"/></events>
		</LOOP>
	</data>

	<regSuite title="tables">
		<regTest title="TAP tells each published table with its columns">
			<url>/tap/tables</url>
			<code>
				self.assertHTTPStatus(200)
				for name in ("target", "target_name", "programme", "data_release", "observation", "raw_frame", "recipe", "process", "process_input", "product",
						"detection", "contrast", "ao_condition", "science_plane", "quality",
						"missing_calibration"):
					self.assertHasStrings("hci.%s&lt;" % name)
				self.assertHasStrings("significance", "process_id", "ivoa.obscore")
			</code>
		</regTest>
		<regTest title="nothing private is open to ADQL">
			<url parSet="TAP" QUERY="SELECT TOP 1 * FROM archive.product">/tap/sync</url>
			<code>
				self.assertHasStrings("Could not locate table 'archive.product'")
			</code>
		</regTest>
		<regTest title="the service describes itself">
			<url>/hci/cone/observations/info</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertHasStrings("High-Contrast Archive")
			</code>
		</regTest>
		<regTest title="examples are offered">
			<url>/tap/examples</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertHasStrings("hci.detection", "hci.contrast", "tapquery")
			</code>
		</regTest>
	</regSuite>

</resource>
