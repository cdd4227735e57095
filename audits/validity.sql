AUDIT (
  name assert_no_overlapping_validity
);

/* Of what holds now, versions of one key do not overlap, and each ends after it starts. */
SELECT
  *
FROM (
  SELECT
    @key_column AS version_key,
    valid_from,
    valid_to,
    LEAD(valid_from) OVER (PARTITION BY @key_column ORDER BY valid_from) AS next_valid_from
  FROM @this_model
  WHERE
    recorded_to IS NULL
) AS versions
WHERE
  valid_to <= valid_from OR valid_to > next_valid_from;

AUDIT (
  name assert_last_state_is_open,
  defaults (
    has_left = FALSE
  )
);

/* What the newest load says of a key is its version without an end; a key that has left has none. A state dated
9999-12-31 or later never begins. */
SELECT
  last_state.@key_column AS last_state_key,
  open_version.@key_column AS open_version_key
FROM (
  SELECT
    states.*
  FROM @source AS states
  INNER JOIN (
    SELECT
      @key_column,
      MAX(load_id) AS load_id
    FROM @source
    GROUP BY
      @key_column
  ) AS latest
    ON states.@key_column = latest.@key_column AND states.load_id = latest.load_id
) AS last_state
FULL JOIN (
  SELECT
    *
  FROM @this_model
  WHERE
    recorded_to IS NULL AND valid_to = '9999-12-31'::TIMESTAMP
) AS open_version
  ON last_state.@key_column = open_version.@key_column
WHERE
  COALESCE(last_state.effective_at < '9999-12-31'::TIMESTAMP, TRUE)
  AND CASE
    WHEN last_state.@key_column IS NULL OR @has_left
    THEN NOT open_version.@key_column IS NULL
    ELSE last_state.load_id IS DISTINCT FROM open_version.load_id
    OR @REDUCE(
      @EACH(
        @attributes,
        attribute -> last_state.@attribute IS DISTINCT FROM open_version.@attribute
      ),
      (a, b) -> a OR b
    )
  END;

AUDIT (
  name assert_tiers_known
);

/* Every tier that holds now is in seeds/tier_groups.csv; a new one belongs there first. */
SELECT
  *
FROM @this_model
WHERE
  recorded_to IS NULL
  AND NOT tier IN (@EACH(@known_tiers, known_tier -> known_tier))