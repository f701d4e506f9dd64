package staging_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"pacsbridge/staging"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "staging")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := staging.Open(ctx, staging.Options{URL: "sqlite:" + filepath.Join(dir, "ledger.db"), Logger: silent})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	staged, err := db.StageStudies(ctx, 0, []staging.Study{{UID: "1.2.3", Date: "2026-01-31", ListedInstances: 1}})
	fmt.Println(staged.New, "staged", err)
	fed, err := db.Feed(ctx, staging.FeedOptions{Node: "node-1", Room: 200})
	fmt.Println(fed, "queued", err)

	study, _, err := db.Study(ctx, "1.2.3")
	if err != nil {
		log.Fatal(err)
	}
	claim, err := db.Claim(ctx, study.ID, "node-1", time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	instance := staging.Item{Kind: staging.Instance, UID: "1.2.3.4"}
	fmt.Println("expect", claim.Expect(ctx, []staging.Item{instance}))
	fmt.Println("deliver", claim.Advance(ctx, staging.Delivering))
	fmt.Println("verify", claim.Advance(ctx, staging.Verifying))
	fmt.Println("finish", claim.Finish(ctx))
	instance.Received, instance.Stored, instance.Found, instance.State = true, true, true, staging.ItemDone
	fmt.Println("finish", claim.Finish(ctx, instance))
	// Output:
	// 1 staged <nil>
	// 1 queued <nil>
	// expect <nil>
	// deliver <nil>
	// verify <nil>
	// finish staging: finish of study 1.2.3: 1 items are not proven at their target, one is instance 1.2.3.4
	// finish <nil>
}
