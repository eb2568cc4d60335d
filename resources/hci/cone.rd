<resource schema="hci" resdir="hci">
	<!-- Cone searches: rows around a place on the sky. -->

	<FEED source="hci/q#about"/>
	<coverage fallbackTo="hci/q"/>

	<service id="observations" allowed="scs.xml,form" defaultRenderer="form">
		<meta name="title">High-Contrast Archive: observations in a cone</meta>
		<meta name="shortName">HCA SCS</meta>
		<meta name="description">Finds observing sequences by the position of their star.</meta>
		<meta name="testQuery.ra">86.82</meta>
		<meta name="testQuery.dec">-51.07</meta>
		<meta name="testQuery.sr">0.1</meta>
		<publish render="scs.xml" sets="ivo_managed"/>
		<publish render="form" sets="local,ivo_managed"/>
		<scsCore queriedTable="hci/q#observation">
			<FEED source="//scs#coreDescs"/>
			<condDesc buildFrom="target_name"/>
			<condDesc buildFrom="night"/>
		</scsCore>
	</service>

	<service id="targets" allowed="scs.xml,form" defaultRenderer="form">
		<meta name="title">High-Contrast Archive: targets in a cone</meta>
		<meta name="shortName">HCA SCS targets</meta>
		<meta name="description">Finds stars of the archive by position, at the epoch of their catalogue.</meta>
		<meta name="testQuery.ra">86.82</meta>
		<meta name="testQuery.dec">-51.07</meta>
		<meta name="testQuery.sr">0.1</meta>
		<publish render="scs.xml" sets="ivo_managed"/>
		<publish render="form" sets="local,ivo_managed"/>
		<scsCore queriedTable="hci/q#target">
			<FEED source="//scs#coreDescs"/>
			<condDesc buildFrom="target_name"/>
		</scsCore>
	</service>

	<service id="detections" allowed="scs.xml,form" defaultRenderer="form">
		<meta name="title">High-Contrast Archive: candidate companions in a cone</meta>
		<meta name="shortName">HCA SCS detect.</meta>
		<meta name="description">Finds candidate companions by their own position on the sky.</meta>
		<meta name="testQuery.ra">86.82</meta>
		<meta name="testQuery.dec">-51.07</meta>
		<meta name="testQuery.sr">0.1</meta>
		<publish render="scs.xml" sets="ivo_managed"/>
		<publish render="form" sets="local,ivo_managed"/>
		<scsCore queriedTable="hci/q#detection">
			<FEED source="//scs#coreDescs"/>
			<condDesc buildFrom="target_name"/>
			<condDesc buildFrom="method"/>
		</scsCore>
	</service>

	<regSuite title="cone search on observations" sequential="True">
		<regTest title="a row has a place on the sky">
			<url parSet="TAP" QUERY="SELECT TOP 1 s_ra AS ra, s_dec AS dec, obs_id FROM hci.observation
				WHERE s_ra IS NOT NULL ORDER BY obs_id">/tap/sync</url>
			<code>
				row = self.getUnique(self.getVOTableRows())
				self.followUp.wanted = row["obs_id"]
				self.followUp.url.content_ = "/hci/cone/observations/scs.xml?RA=%(ra).9f&amp;DEC=%(dec).9f&amp;SR=0.0001" % row
			</code>
		</regTest>
		<regTest title="the cone around it finds it">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				# identifiers are text in answers of this protocol
				self.assertTrue(str(self.wanted) in [row["obs_id"] for row in self.getVOTableRows()], "not found")
			</code>
		</regTest>
	</regSuite>

	<regSuite title="cone search on targets" sequential="True">
		<regTest title="a row has a place on the sky">
			<url parSet="TAP" QUERY="SELECT TOP 1 ra AS ra, dec AS dec, target_id FROM hci.target
				WHERE ra IS NOT NULL ORDER BY target_id">/tap/sync</url>
			<code>
				row = self.getUnique(self.getVOTableRows())
				self.followUp.wanted = row["target_id"]
				self.followUp.url.content_ = "/hci/cone/targets/scs.xml?RA=%(ra).9f&amp;DEC=%(dec).9f&amp;SR=0.0001" % row
			</code>
		</regTest>
		<regTest title="the cone around it finds it">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				# identifiers are text in answers of this protocol
				self.assertTrue(str(self.wanted) in [row["target_id"] for row in self.getVOTableRows()], "not found")
			</code>
		</regTest>
	</regSuite>

	<regSuite title="cone search on detections" sequential="True">
		<regTest title="a row has a place on the sky">
			<url parSet="TAP" QUERY="SELECT TOP 1 ra AS ra, dec AS dec, detection_id FROM hci.detection
				WHERE ra IS NOT NULL ORDER BY detection_id">/tap/sync</url>
			<code>
				row = self.getUnique(self.getVOTableRows())
				self.followUp.wanted = row["detection_id"]
				self.followUp.url.content_ = "/hci/cone/detections/scs.xml?RA=%(ra).9f&amp;DEC=%(dec).9f&amp;SR=0.0001" % row
			</code>
		</regTest>
		<regTest title="the cone around it finds it">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				# identifiers are text in answers of this protocol
				self.assertTrue(str(self.wanted) in [row["detection_id"] for row in self.getVOTableRows()], "not found")
			</code>
		</regTest>
	</regSuite>
</resource>
