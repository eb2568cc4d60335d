<resource schema="__system">
	<!-- What DaCHS asks the operator for; hcvo copies it to DaCHS's etc/ at each start. -->
	<meta name="creationDate">2026-01-01T00:00:00</meta>

	<STREAM id="tapexamples">
@examples@
	</STREAM>
</resource>
