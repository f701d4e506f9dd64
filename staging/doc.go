// Package staging is the migration database: ledger and queue in one.
package staging
