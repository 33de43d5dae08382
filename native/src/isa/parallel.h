// Runs body(item, worker) for every item, by all threads of the team.
template <class Body>
static inline void parallel(Team& team, long items, const Body& body) {
  team.run(
      items, [](void* context, long item, long worker) { (*static_cast<const Body*>(context))(item, worker); },
      const_cast<Body*>(&body));
}
