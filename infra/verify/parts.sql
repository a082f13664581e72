SELECT tenant::text, campaign, part, recipients FROM campaign_parts
