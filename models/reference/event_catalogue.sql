MODEL (
  name reference.event_catalogue,
  kind SEED (
    path '../../seeds/event_catalogue.csv'
  ),
  owner analytics,
  ignored_rules ["nomissingunittest"],
  description 'One row per event type of the booking tool''s tracking plan.',
  columns (
    event_type TEXT,
    precedence INT,
    description TEXT,
    required_properties TEXT,
    optional_properties TEXT
  ),
  column_descriptions (
    event_type = 'Name of the event, lower case',
    precedence = 'Order at the same instant within a pair: what closes something comes before what opens the next; 0: an optional event, from which no booking or session is rebuilt',
    description = 'What the event says',
    required_properties = 'Properties without which an event is rejected, separated by |',
    optional_properties = 'Properties kept where present, separated by |'
  ),
  grain event_type,
  audits (
    not_null(columns := (event_type, precedence, description, required_properties)),
    unique_values(columns := (
      event_type
    )),
    unique_values(columns := (
      precedence
    ), condition := precedence > 0)
  )
)