AUDIT (
  name assert_no_overlapping_validity
);

/* Versions of one key do not overlap, and none ends before it starts. */
SELECT
  *
FROM (
  SELECT
    @key_column AS version_key,
    valid_from,
    valid_to,
    LEAD(valid_from) OVER (PARTITION BY @key_column ORDER BY valid_from) AS next_valid_from
  FROM @this_model
) AS versions
WHERE
  valid_to < valid_from
  OR (
    NOT next_valid_from IS NULL
    AND (
      valid_to IS NULL OR valid_to > next_valid_from
    )
  );

AUDIT (
  name assert_at_most_one_current_row
);

/* A key has one current row, or none once it has left its source. */
SELECT
  @key_column AS version_key,
  COUNT(*) AS current_rows
FROM @this_model
WHERE
  valid_to IS NULL
GROUP BY
  @key_column
HAVING
  COUNT(*) > 1;

AUDIT (
  name assert_tiers_known
);

/* Every tier is in seeds/tier_groups.csv; a new one belongs there first. */
SELECT
  *
FROM @this_model
WHERE
  NOT tier IN (@EACH(@known_tiers, known_tier -> known_tier));

AUDIT (
  name assert_every_change_has_a_version,
  blocking FALSE,
  defaults (
    opens_a_version = TRUE
  )
);

/* Every change that the source told and that came to hold is a version. Two changes between two plans or runs of
SQLMesh leave the first one out; cli.py transform puts it in. */
SELECT
  changes.@key_column AS version_key,
  changes.effective_at
FROM @source AS changes
LEFT JOIN @this_model AS versions
  ON changes.@key_column = versions.@key_column
  AND changes.effective_at = versions.valid_from
WHERE
  versions.valid_from IS NULL
  AND @opens_a_version
  AND @is_known(changes.loaded_at)
  AND @is_known(changes.effective_at)
  AND NOT EXISTS(
    SELECT
      1
    FROM @source AS later
    WHERE
      later.@key_column = changes.@key_column
      AND later.load_id > changes.load_id
      AND GREATEST(later.loaded_at, later.effective_at) <= GREATEST(changes.loaded_at, changes.effective_at)
  )