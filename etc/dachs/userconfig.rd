<resource schema="__system">
	<!-- What DaCHS asks the operator for; hcvo copies it to DaCHS's etc/ at each start. -->
	<meta name="creationDate">2026-01-01T00:00:00</meta>

	<STREAM id="tapexamples">
		<meta name="_example" title="Candidates around a star">
			Candidate companions above 5 in significance in :taptable:`hci.detection`,
			with their separation, position angle and contrast:

			.. tapquery::
				SELECT target_name, method, candidate, sep_mas, sep_mas_err, pa, pa_err, contrast, significance
				FROM hci.detection
				WHERE significance &gt; 5 AND channel = -1
				ORDER BY significance DESC
		</meta>
		<meta name="_example" title="Depth at half an arcsecond">
			Deepest contrast reached between 0.45 and 0.55 arcsec for each star,
			from :taptable:`hci.contrast`:

			.. tapquery::
				SELECT target_name, MIN(contrast) AS best_contrast
				FROM hci.contrast
				WHERE sep_mas BETWEEN 450 AND 550
				GROUP BY target_name
				ORDER BY best_contrast
		</meta>
		<meta name="_example" title="From a candidate back to its raw frames">
			The files a candidate rests on, through :taptable:`hci.process_input`:

			.. tapquery::
				SELECT DISTINCT d.target_name, i.role, i.name
				FROM hci.detection AS d
				JOIN hci.process_input AS i ON i.process_id = d.process_id
				WHERE d.significance &gt; 5
				ORDER BY i.role, i.name
		</meta>
		<meta name="_example" title="Reduced images in a cone">
			Level 2 images within 0.1 degrees of a position, from :taptable:`ivoa.obscore`:

			.. tapquery::
				SELECT obs_id, target_name, access_url, em_min, em_max
				FROM ivoa.obscore
				WHERE dataproduct_type = 'image' AND calib_level = 3
				AND 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 86.82, -51.07, 0.1))
		</meta>
	</STREAM>
</resource>
