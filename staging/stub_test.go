package staging_test

const childVariable = "X"

func child(path string) int { return 0 }
