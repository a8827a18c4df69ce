namespace Microsoft.DurableTask.Testing;

/// <summary>Options of <see cref="DurableTaskTestExtensions"/>.</summary>
public class InMemoryDurableTaskOptions
{
    /// <summary>The engine's port on this machine.</summary>
    /// <value>Null for a free one.</value>
    public int? Port { get; set; }
}
