using Google.Rpc;

namespace Workflows.GoogleCloud.TpuEmulator.Cloud;

/// <summary>The exception of a call that the cloud refuses.</summary>
internal sealed class CloudException(Status status) : Exception(status.Message)
{
    public Status Status { get; } = status;
}
