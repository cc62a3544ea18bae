"""The story of a sync: what starts one, what it fetches, and how rows reach the destinations."""
