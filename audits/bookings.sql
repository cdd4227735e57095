AUDIT (
  name assert_booking_status_agrees_with_times
);

/* Each status has the times that make it, and no other. */
SELECT
  *
FROM @this_model
WHERE
  (
    booking_status = 'attended'
  ) IS DISTINCT FROM (
    NOT session_id IS NULL
  )
  OR (
    booking_status = 'cancelled'
  ) IS DISTINCT FROM (
    NOT cancelled_at IS NULL
  )
  OR (
    booking_status = 'confirmed' AND confirmed_at IS NULL
  )
  OR (
    booking_status = 'pending' AND NOT confirmed_at IS NULL
  )
  OR session_started_at < requested_at
  OR cancelled_at < requested_at
  OR confirmed_at < requested_at
  OR agreed_start_at < requested_at
  OR (
    NOT agreed_start_at IS NULL AND confirmed_at IS NULL
  )
  OR (
    NOT COALESCE(cancelled_by, cancellation_reason) IS NULL AND cancelled_at IS NULL
  )