"""From catalogues to samples: reading, downloading, matching, cutting and splitting."""
