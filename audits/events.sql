AUDIT (
  name assert_newest_events_unique
);

/* No event of the newest load has an id that another event has. Loading sees to all ids; to group them all again
would be the dearest part of a day's run. */
WITH newest AS (
  SELECT
    event_id
  FROM @this_model
  WHERE
    load_id = (
      SELECT
        MAX(load_id)
      FROM @this_model
    )
)
SELECT
  event_id
FROM newest
GROUP BY
  event_id
HAVING
  COUNT(*) > 1
UNION ALL
SELECT
  newest.event_id
FROM newest
INNER JOIN @this_model AS earlier
  ON newest.event_id = earlier.event_id
WHERE
  earlier.load_id < (
    SELECT
      MAX(load_id)
    FROM @this_model
  )