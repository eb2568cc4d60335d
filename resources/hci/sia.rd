<resource schema="hci" resdir="hci">
	<!-- Images found by place, wavelength, time and all else that the protocols of image search know. -->

	<FEED source="hci/q#about"/>

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
			<FEED source="//siap2#parameters"/>
			<condDesc combining="True">
				<phraseMaker>
					<code>
						yield "dataproduct_type IN ('image', 'cube')"
					</code>
				</phraseMaker>
			</condDesc>
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
	</regSuite>
</resource>
