<resource schema="hci" resdir="hci">
	<!-- Significance on the sky, to pan and zoom: made by "hcvo site hips" from what is public then. -->

	<FEED source="hci/q#about"/>
	<coverage fallbackTo="hci/q"/>

	<service id="finding" allowed="hips">
		<meta name="title">High-Contrast Archive: finding layer</meta>
		<meta name="shortName">HCA HiPS</meta>
		<meta name="description">Maps of signal-to-noise ratio of all observed stars as one HiPS of PNG tiles, for
			finding and looking; for measuring take the maps themselves.</meta>
		<!-- Below the folder of descriptors of a site, where hcvo/site/hips.py puts it. -->
		<property name="staticData">../../dachs/hips</property>
		<nullCore/>
	</service>

	<regSuite title="finding layer">
		<regTest title="it says what it is, once it was made">
			<url>/hci/hips/finding/hips/properties</url>
			<code>
				self.assertTrue(self.status in (200, 404), self.status)
				if self.status == 200:
					self.assertHasStrings("creator_did", "hips_service_url", "/hci/hips/finding/hips")
			</code>
		</regTest>
		<regTest title="nothing beside it is delivered">
			<url>/hci/hips/finding/hips/../../dachs/gavo.rc</url>
			<code>
				self.assertTrue(self.status >= 400, self.status)
			</code>
		</regTest>
	</regSuite>
</resource>
