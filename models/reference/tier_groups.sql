MODEL (
  name reference.tier_groups,
  kind SEED (
    path '../../seeds/tier_groups.csv'
  ),
  owner analytics,
  ignored_rules ["nomissingunittest"],
  description 'One row per mentor tier: the category it belongs to and its rank.',
  columns (
    tier TEXT,
    tier_category TEXT,
    tier_rank INT
  ),
  column_descriptions (
    tier = 'Tier as in the mentor sheet, title case',
    tier_category = 'top_tier or standard_tier: the two groups compared by default',
    tier_rank = '1 is the best tier'
  ),
  grain tier,
  audits (
    not_null(columns := (tier, tier_category, tier_rank)),
    unique_values(columns := (tier, tier_rank)),
    accepted_values("column" := tier_category, is_in := ('top_tier', 'standard_tier'))
  )
)