package cost

import "sentry/internal/sandbox"

// database prices an instance and its storage; backups as large as the storage are included.
func (e *estimate) database(r sandbox.Resource) {
	engine, _ := text(r.Inputs["engine"])
	class, _ := text(r.Inputs["instanceClass"])
	instances := 1.0
	if flag(r.Inputs["multiAz"]) {
		instances = 2
	}
	e.charge(r, "Database ("+class+")", "rds-"+engine+"-"+class, instances*hoursPerMonth, "%g × %d h", instances, hoursPerMonth)
	kind, _ := text(r.Inputs["storageType"])
	gb, _ := number(r.Inputs["allocatedStorage"])
	e.charge(r, "Database: storage", "rds-"+engine+"-"+kind, instances*gb, "%g × %g GB", instances, gb)
}

// cache prices the nodes of a replication group that is not sharded.
func (e *estimate) cache(r sandbox.Resource) {
	engine, _ := text(r.Inputs["engine"])
	class, _ := text(r.Inputs["nodeType"])
	nodes, ok := number(r.Inputs["numCacheClusters"])
	if !ok {
		e.miss("%s %s: without numCacheClusters the number of its nodes is not known", r.Type, r.Name)
		return
	}
	e.charge(r, "Cache ("+class+")", engine+"-"+class, nodes*hoursPerMonth, "%g × %d h", nodes, hoursPerMonth)
}
