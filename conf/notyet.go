package conf

// notYet refuses what the settings can say but this version cannot do, so
// that nobody learns of it in the middle of a migration.
func (c checker) notYet(s *Settings) {
	for _, later := range []struct {
		asked      bool
		key, what  string
		hintedAway string
	}{
		{len(s.Rules) > 0, "rules", "changing attributes on the way", "leave it empty"},
	} {
		if later.asked {
			c.fail(later.key, later.hintedAway, "%s is not available yet", later.what)
		}
	}
}
