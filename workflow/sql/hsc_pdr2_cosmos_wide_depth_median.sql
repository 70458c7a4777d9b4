-- HSC-SSP photometry over the footprint of COSMOS2020 (RA 149.06 to 151.06, Dec 1.39 to 3.07), with
-- a margin: the columns that config/columns.tsv names for pdr2.
-- PDR2, exposures of COSMOS stacked to the depth of the Wide layer, at the median seeing.
-- To run it by hand: https://hsc-release.mtk.nao.ac.jp/datasearch/ (free account), release PDR2,
-- format FITS, paste, submit; then name the file under download.local.hsc_pdr2_cosmos_wide_depth_median in the configuration.
SELECT
    object_id, ra, dec, tract, patch, isprimary, g_cmodel_mag, g_cmodel_magsigma, r_cmodel_mag,
    r_cmodel_magsigma, i_cmodel_mag, i_cmodel_magsigma, z_cmodel_mag, z_cmodel_magsigma,
    y_cmodel_mag, y_cmodel_magsigma, a_g, a_r, a_i, a_z, a_y, g_extendedness_value,
    r_extendedness_value, i_extendedness_value, z_extendedness_value, y_extendedness_value,
    g_inputcount_value, r_inputcount_value, i_inputcount_value, z_inputcount_value,
    y_inputcount_value, g_cmodel_flag, r_cmodel_flag, i_cmodel_flag, z_cmodel_flag,
    y_cmodel_flag, g_pixelflags_bright_object, r_pixelflags_bright_object,
    i_pixelflags_bright_object, z_pixelflags_bright_object, y_pixelflags_bright_object,
    g_pixelflags_edge, r_pixelflags_edge, i_pixelflags_edge, z_pixelflags_edge,
    y_pixelflags_edge, g_pixelflags_saturatedcenter, r_pixelflags_saturatedcenter,
    i_pixelflags_saturatedcenter, z_pixelflags_saturatedcenter, y_pixelflags_saturatedcenter,
    g_pixelflags_interpolatedcenter, r_pixelflags_interpolatedcenter,
    i_pixelflags_interpolatedcenter, z_pixelflags_interpolatedcenter,
    y_pixelflags_interpolatedcenter, g_pixelflags_bad, r_pixelflags_bad, i_pixelflags_bad,
    z_pixelflags_bad, y_pixelflags_bad
FROM
    pdr2_cosmos_wide_depth_median.forced
WHERE
    boxSearch(coord, 149.04, 151.08, 1.37, 3.09)
    AND isprimary
ORDER BY
    object_id
;
