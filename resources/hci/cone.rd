<resource schema="hci" resdir="hci">
	<!-- Cone searches: rows around a place on the sky. -->

	<FEED source="hci/q#about"/>

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

	<regSuite title="cone search" sequential="True">
		<regTest title="an observation has a place on the sky">
			<url parSet="TAP" QUERY="SELECT TOP 1 obs_id, s_ra, s_dec FROM hci.observation
				WHERE s_ra IS NOT NULL ORDER BY obs_id">/tap/sync</url>
			<code>
				row = self.getUnique(self.getVOTableRows())
				self.followUp.url.content_ = "/hci/cone/observations/scs.xml?RA=%(s_ra)f&amp;DEC=%(s_dec)f&amp;SR=0.001" % row
			</code>
		</regTest>
		<regTest title="the cone around it finds it">
			<url>replaced</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertTrue([row for row in self.getVOTableRows() if row["obs_id"]], "no row")
			</code>
		</regTest>
	</regSuite>
</resource>
