MODEL (
  name staging.stg_events,
  kind VIEW,
  owner analytics,
  description 'One row per event of the booking tool, with its place among the events of the same instant.',
  column_descriptions (
    event_id = 'The event',
    user_id = 'The user who books; may be unknown to the users export',
    mentor_id = 'The mentor; may be unknown to the mentor sheet, null where the event is of the user alone',
    occurred_at = 'UTC time of the event',
    event_type = 'Type of the event, one of the event catalogue',
    precedence = 'Order among the events of a pair at the same instant; 0: an optional event, from which no booking or session is rebuilt',
    cancelled_by = 'Who cancelled, where the tool says so',
    cancellation_reason = 'Why it was cancelled, where the tool says so',
    confirmed_start_time = 'Agreed start, as the tool wrote it',
    requested_duration_minutes = 'Wanted length in minutes, as the tool wrote it',
    duration_seconds = 'Measured length in seconds, as the tool wrote it',
    signup_source = 'What led a user here who signs up, where the tool says so',
    churn_reason = 'Why a user leaves, where the tool says so',
    viewed_from = 'What led to the profile of a mentor, where the tool says so',
    rating = 'Rating of a session, 1 to 5; null of any other event',
    load_id = 'The load that brought the event'
  ),
  grain event_id,
  references (user_id, mentor_id, event_type),
  audits (
    not_null(columns := (event_id, user_id, occurred_at, event_type, precedence)),
    not_null(columns := (
      mentor_id
    ), condition := precedence > 0),
    assert_newest_events_unique
  )
);

SELECT
  events.event_id::TEXT AS event_id,
  events.user_id::BIGINT AS user_id,
  events.mentor_id::TEXT AS mentor_id,
  events.occurred_at::TIMESTAMP AS occurred_at,
  events.event_type::TEXT AS event_type,
  event_catalogue.precedence::INT AS precedence,
  events.cancelled_by::TEXT AS cancelled_by,
  events.cancellation_reason::TEXT AS cancellation_reason,
  events.confirmed_start_time::TEXT AS confirmed_start_time,
  events.requested_duration_minutes::TEXT AS requested_duration_minutes,
  events.duration_seconds::TEXT AS duration_seconds,
  events.signup_source::TEXT AS signup_source,
  events.churn_reason::TEXT AS churn_reason,
  events.viewed_from::TEXT AS viewed_from,
  events.rating::BIGINT AS rating,
  events.load_id::BIGINT AS load_id
FROM raw.booking_events AS events
LEFT JOIN reference.event_catalogue AS event_catalogue
  ON events.event_type = event_catalogue.event_type