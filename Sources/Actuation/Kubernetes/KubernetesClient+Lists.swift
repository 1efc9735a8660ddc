extension KubernetesClient {
    /// Pages of one list at most.
    static let pagesMax = 20

    /// The pods that a label selector such as `app=risk` selects, in the order of the API; 100 are read at a time,
    /// 2,000 at most.
    ///
    /// - Throws: `.invalid` for an empty selector, which selects all pods; `.unreadable` where an item is no pod.
    public func pods(_ selector: String) async throws(ActuationFault) -> [Pod] {
        guard !selector.isEmpty else { throw ActuationFault(.invalid, "an empty selector selects all pods") }
        let path = "/api/v1/namespaces/\(configuration.namespace)/pods"
        var found: [Pod] = []
        for item in try await list(path, "labelSelector=\(selector.percentEncoded)&", limit: 100) {
            guard let pod = Pod(item) else { throw Self.unreadable(path, "an item that is no pod") }
            found.append(pod)
        }
        return found
    }

    /// The items of a list, all of one version; the pages together have the time of one call.
    ///
    /// A continuation that has expired (410), or a page of another version, begins the list anew, once.
    ///
    /// - Parameter query: what is asked besides, ending in `&`.
    /// - Throws: `.tooLarge` beyond `pagesMax` pages.
    func list(_ path: String, _ query: String = "", limit: Int) async throws(ActuationFault) -> [JSONTree] {
        let end = now() + configuration.timeout
        do {
            return try await pages(path, query, limit, until: end)
        } catch {
            guard error.code == .expired else { throw error }
            return try await pages(path, query, limit, until: end)
        }
    }

    private func pages(
        _ path: String, _ query: String, _ limit: Int, until end: Double
    ) async throws(ActuationFault) -> [JSONTree] {
        var found: [JSONTree] = []
        var version: String?
        var next = ""
        for _ in 0..<Self.pagesMax {
            let left = end - now()
            guard left > 0 else {
                throw ActuationFault(.timeout, "GET \(path): the list did not end within \(configuration.timeout) s")
            }
            let more = next.isEmpty ? "" : "&continue=\(next.percentEncoded)"
            let page = try await call("GET", "\(path)?\(query)limit=\(limit)\(more)", timeout: left)
            guard page["kind"].string?.hasSuffix("List") == true, let items = page["items"].array else {
                throw Self.unreadable(path, "no list")
            }
            let own = page["metadata"]["resourceVersion"].string
            guard version == nil || own == version else {
                throw ActuationFault(.expired, "GET \(path): a page is of another version than the first")
            }
            version = own
            found += items
            next = page["metadata"]["continue"].string ?? ""
            if next.isEmpty { return found }
        }
        throw ActuationFault(.tooLarge, "\(path) has more than \(Self.pagesMax) pages of \(limit)")
    }
}
