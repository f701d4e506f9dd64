package staging_test

const childVariable = "PACSBRIDGE_STAGING_CHILD"

func child(path string) int { return 0 }
