using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Microsoft.DurableTask.Testing;

/// <summary>Options of <see cref="DurableTaskTestHost"/>.</summary>
public class DurableTaskTestHostOptions
{
    /// <summary>The engine's port on this machine.</summary>
    /// <value>Null for a free one.</value>
    public int? Port { get; set; }

    /// <summary>Where engine, worker and client log; it stays the caller's to dispose.</summary>
    /// <value>Null for nowhere.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Adds services that activities and entities take.</summary>
    public Action<IServiceCollection>? ConfigureServices { get; set; }
}
