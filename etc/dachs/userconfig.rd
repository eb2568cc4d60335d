<resource schema="__system">
	<!-- What DaCHS asks the operator for; hcvo copies it to DaCHS's etc/ at each start. -->
	<meta name="creationDate">2026-01-01T00:00:00</meta>

	<STREAM id="tapexamples">
@examples@
	</STREAM>

	<STREAM id="registry-interfacerecords">
		<!-- As DaCHS has them, and the organisation that publishes all: other records name it by its identifier. -->
		<resRec id="org">
			<meta>
				resType: organization
				type: Organisation
				creationDate: \metaString{authority.creationDate}
				title: \\metaString{organization.title}
				subject: exoplanet-astronomy
				referenceURL: \\metaString{organization.referenceURL}
				identifier: ivo://\getConfig{ivoa}{authority}/org
				sets: ivo_managed
			</meta>
			<meta name="description">\\metaString{organization.description}</meta>
		</resRec>

		<resRec id="authority">
			<meta>
				resType: authority
				type: Other
				creationDate: \metaString{authority.creationDate}
				title: \\metaString{authority.title}
				shortName: \\metaString{authority.shortName}
				subject: virtual-observatories
				managingOrg: \\metaString{publisher}
				managingOrg.ivo-id: ivo://\getConfig{ivoa}{authority}/org
				referenceURL: \\metaString{authority.referenceURL}
				identifier: ivo://\getConfig{ivoa}{authority}
				sets: ivo_managed
			</meta>
			<meta name="description">\\metaString{authority.description}</meta>
		</resRec>

		<service id="registry" allowed="pubreg.xml">
			<registryCore/>
			<publish render="pubreg.xml" sets="ivo_managed">
				<meta name="accessURL">\getConfig{web}{serverURL}\getConfig{web}{nevowRoot}oai.xml</meta>
			</publish>
			<meta name="resType">registry</meta>
			<meta name="title">\getConfig{web}{sitename}: publishing registry</meta>
			<meta name="creationDate">\metaString{authority.creationDate}</meta>
			<meta name="description">Records of all services and data collections of the archive, by OAI-PMH.</meta>
			<meta name="subject">virtual-observatories</meta>
			<meta name="shortName">\\metaString{authority.shortName} RG</meta>
			<meta name="type">Registry</meta>
			<meta name="rights">public</meta>
			<meta name="managedAuthority">\getConfig{ivoa}{authority}</meta>
		</service>
	</STREAM>
</resource>
