namespace Workflows.TpuWorker.Pjrt;

/// <summary>The exception of a file that cannot be used as a PJRT plugin.</summary>
public sealed class PjrtPluginException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="plugin">The plugin's path or name.</param>
    /// <param name="problem">Cause and fix, as the end of a sentence.</param>
    /// <param name="inner">The loader's own exception.</param>
    public PjrtPluginException(string plugin, string problem, Exception? inner = null)
        : base($"The PJRT plugin '{plugin}' cannot be used: {problem}.", inner)
    {
        Plugin = plugin;
    }

    /// <summary>Gets the plugin's path or name.</summary>
    public string Plugin { get; }
}
