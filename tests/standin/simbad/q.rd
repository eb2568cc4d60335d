<resource schema="public" resdir="simbad">
  <meta name="title">Stand-in for SIMBAD</meta>
  <meta name="description">A few stars under SIMBAD's table and column names, for tests of clients.
    The schema public is where DaCHS looks for tables that a query names without a schema.</meta>
  <meta name="creationDate">2026-01-01T00:00:00Z</meta>
  <meta name="subject">stars</meta>
  <meta name="creator">hcvo</meta>

  <table id="basic" onDisk="True" adql="True" primary="oid">
    <meta name="description">General data of a star.</meta>
    <column name="oid" type="bigint" required="True" ucd="meta.record;meta.id" description="Number of the star"/>
    <column name="main_id" type="text" ucd="meta.id;meta.main" description="Main identifier"/>
    <column name="ra" type="double precision" unit="deg" ucd="pos.eq.ra;meta.main" description="Right ascension, ICRS, J2000"/>
    <column name="dec" type="double precision" unit="deg" ucd="pos.eq.dec;meta.main" description="Declination, ICRS, J2000"/>
    <column name="coo_err_maj" type="real" unit="mas" ucd="phys.angSize.smajAxis;pos.errorEllipse" description="Position error, major axis"/>
    <column name="coo_err_min" type="real" unit="mas" ucd="phys.angSize.sminAxis;pos.errorEllipse" description="Position error, minor axis"/>
    <column name="coo_err_angle" type="smallint" unit="deg" ucd="pos.posAng;pos.errorEllipse" description="Position error, angle"><values nullLiteral="-1"/></column>
    <column name="coo_wavelength" type="text" ucd="instr.bandpass" description="Band of the position"/>
    <column name="coo_bibcode" type="text" ucd="meta.bib.bibcode" description="Reference of the position"/>
    <column name="pmra" type="double precision" unit="mas/yr" ucd="pos.pm;pos.eq.ra" description="Proper motion in right ascension times cos(dec)"/>
    <column name="pmdec" type="double precision" unit="mas/yr" ucd="pos.pm;pos.eq.dec" description="Proper motion in declination"/>
    <column name="plx_value" type="double precision" unit="mas" ucd="pos.parallax.trig" description="Parallax"/>
    <column name="sp_type" type="text" ucd="src.spType" description="Spectral type"/>
    <column name="sp_bibcode" type="text" ucd="meta.bib.bibcode" description="Reference of the spectral type"/>
    <column name="rvz_radvel" type="double precision" unit="km/s" ucd="spect.dopplerVeloc.opt" description="Radial velocity"/>
    <column name="rvz_bibcode" type="text" ucd="meta.bib.bibcode" description="Reference of the radial velocity"/>
    <column name="pm_bibcode" type="text" ucd="meta.bib.bibcode" description="Reference of the proper motion"/>
    <column name="plx_bibcode" type="text" ucd="meta.bib.bibcode" description="Reference of the parallax"/>
  </table>

  <table id="ident" onDisk="True" adql="True">
    <meta name="description">All identifiers of a star.</meta>
    <index columns="id"/>
    <column name="oidref" type="bigint" required="True" ucd="meta.record;meta.id" description="Number of the star"/>
    <column name="id" type="text" required="True" ucd="meta.id" description="Identifier"/>
  </table>

  <table id="flux" onDisk="True" adql="True">
    <meta name="description">Magnitudes of a star.</meta>
    <column name="oidref" type="bigint" required="True" ucd="meta.record;meta.id" description="Number of the star"/>
    <column name="filter" type="text" required="True" ucd="instr.bandpass" description="Band"/>
    <column name="flux" type="real" unit="mag" ucd="phot.mag" description="Magnitude"/>
    <column name="bibcode" type="text" ucd="meta.bib.bibcode" description="Reference"/>
  </table>

  <data id="import_basic">
    <sources>data/basic.csv</sources>
    <csvGrammar/>
    <make table="basic"><rowmaker idmaps="*"/></make>
  </data>

  <data id="import_ident">
    <sources>data/ident.csv</sources>
    <csvGrammar/>
    <make table="ident"><rowmaker idmaps="*"/></make>
  </data>

  <data id="import_flux">
    <sources>data/flux.csv</sources>
    <csvGrammar/>
    <make table="flux"><rowmaker idmaps="*"/></make>
  </data>
</resource>
