namespace Workflows.DurableTask.Tests.Hosting;

/// <summary>Names the task hub as the official packages for the Durable Task Scheduler do: by headers.</summary>
internal sealed class HubHandler(string hub, string role) : DelegatingHandler(new SocketsHttpHandler())
{
    private readonly string _worker = $"{Environment.MachineName},{Environment.ProcessId},{Guid.NewGuid():N}";

    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Add("taskhub", hub);
        request.Headers.Add("x-user-agent", $"durabletask-dotnet/1.28.0.0 ({role})");
        if (role == "DurableTaskWorker")
        {
            request.Headers.Add("workerid", _worker);
        }

        return base.SendAsync(request, cancellationToken);
    }
}
