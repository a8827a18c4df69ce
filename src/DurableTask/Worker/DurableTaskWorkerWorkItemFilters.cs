namespace Microsoft.DurableTask.Worker;

/// <summary>Which work items a worker asks for. All lists empty: everything.</summary>
public class DurableTaskWorkerWorkItemFilters
{
    /// <summary>The orchestrators; nothing of this kind when empty beside another list that is not.</summary>
    public IReadOnlyList<OrchestrationFilter> Orchestrations { get; set; } = [];

    /// <summary>The activities; nothing of this kind when empty beside another list that is not.</summary>
    public IReadOnlyList<ActivityFilter> Activities { get; set; } = [];

    /// <summary>The entities.</summary>
    public IReadOnlyList<EntityFilter> Entities { get; set; } = [];

    internal static DurableTaskWorkerWorkItemFilters FromRegistry(DurableTaskRegistry registry) => new()
    {
        Orchestrations =
        [
            .. registry.OrchestratorKeys.GroupBy(key => key.Name).Select(group => new OrchestrationFilter
            {
                Name = group.Key.Name,
                Versions = VersionsOf(group),
            }),
        ],
        Activities =
        [
            .. registry.ActivityKeys.GroupBy(key => key.Name).Select(group => new ActivityFilter
            {
                Name = group.Key.Name,
                Versions = VersionsOf(group),
            }),
        ],
        Entities = [.. registry.GetEntities().Select(entity => new EntityFilter { Name = entity.Key.Name })],
    };

    // A registration without a version serves every version, so the filter must not name any.
    private static List<string> VersionsOf(IEnumerable<TaskKey> keys)
    {
        List<string> versions = [.. keys.Select(key => (string)key.Version)];
        return versions.Contains(string.Empty) ? [] : versions;
    }

    /// <summary>An orchestrator by name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="versions">The versions; empty for any.</param>
    public struct OrchestrationFilter(string name, IReadOnlyList<string> versions)
    {
        /// <summary>Makes a filter without a name.</summary>
        public OrchestrationFilter()
            : this(string.Empty, [])
        {
        }

        /// <summary>The name.</summary>
        public string Name { get; set; } = name;

        /// <summary>The versions; empty for any.</summary>
        public IReadOnlyList<string> Versions { get; set; } = versions;
    }

    /// <summary>An activity by name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="versions">The versions; empty for any.</param>
    public struct ActivityFilter(string name, IReadOnlyList<string> versions)
    {
        /// <summary>Makes a filter without a name.</summary>
        public ActivityFilter()
            : this(string.Empty, [])
        {
        }

        /// <summary>The name.</summary>
        public string Name { get; set; } = name;

        /// <summary>The versions; empty for any.</summary>
        public IReadOnlyList<string> Versions { get; set; } = versions;
    }

    /// <summary>An entity by name.</summary>
    /// <param name="name">The name.</param>
    public struct EntityFilter(string name)
    {
        /// <summary>Makes a filter without a name.</summary>
        public EntityFilter()
            : this(string.Empty)
        {
        }

        /// <summary>The name.</summary>
        public string Name { get; set; } = name;
    }
}
