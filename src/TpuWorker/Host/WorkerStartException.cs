namespace Workflows.TpuWorker.Host;

/// <summary>The worker cannot find out who it is.</summary>
internal sealed class WorkerStartException(string message, Exception? inner = null) : Exception(message, inner);
