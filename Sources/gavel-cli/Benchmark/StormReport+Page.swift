extension StormReport { var page: String { "" } }
