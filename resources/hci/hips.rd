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
</resource>
