namespace Workflows.TpuWorker.Host;

/// <summary>The exception of a worker that cannot read its identity.</summary>
internal sealed class WorkerStartException(string message, Exception? inner = null) : Exception(message, inner);
