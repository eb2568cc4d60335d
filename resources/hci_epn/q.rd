<resource schema="hci_epn" resdir="hci_epn">
	<!-- The same products in the terms of EPN-TAP 2.0. The columns are declared in hcvo/published, not taken
	from DaCHS's mixin: one place for all. -->

	<meta name="title">High-Contrast Archive in EPN-TAP</meta>
	<meta name="shortName">HCA EPN-TAP</meta>
	<meta name="referenceURL">\internallink{/hci/cone/observations/info}</meta>
	<FEED source="hci/q#about"/>
	<coverage fallbackTo="hci/q"/>

	<?hcvo-table epn_core
		<meta name="utype">ivo://ivoa.net/std/epntap#table-2.0</meta>
		<meta name="info" infoName="SERVICE_PROTOCOL" infoValue="2.0">EPN-TAP</meta>
	?>

	<data id="collection">
		<meta name="title">High-Contrast Archive in EPN-TAP</meta>
		<meta name="shortName">HCA EPN-TAP</meta>
		<register services="//tap#run" sets="ivo_managed,local"/>
		<make table="epn_core"/>
	</data>

	<regSuite title="EPN-TAP" sequential="True">
		<regTest title="TAP tells the table with the utype of the standard">
			<url>/tap/tables</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertHasStrings("hci_epn.epn_core", "ivo://ivoa.net/std/epntap#table-2.0")
			</code>
		</regTest>
		<regTest title="each product has its row">
			<url parSet="TAP" QUERY="SELECT COUNT(*) AS missing FROM hci.product AS p
				LEFT JOIN hci_epn.epn_core AS e ON e.granule_uid = p.accref WHERE e.granule_uid IS NULL">/tap/sync</url>
			<code>
				self.assertHTTPStatus(200)
				self.assertEqual(self.getUnique(self.getVOTableRows())["missing"], 0)
			</code>
		</regTest>
	</regSuite>
</resource>
