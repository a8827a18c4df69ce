using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Messages;

/// <summary>A service that starts runs from a subscription of a test's broker.</summary>
internal static class SubscribedService
{
    public static async Task<RunningService> StartAsync(string broker)
    {
        var service = new RunningService();
        service.Settings.PubSub.Subscription = "projects/p/subscriptions/runs";
        service.Settings.PubSub.DeadLetterTopic = "projects/p/topics/dead";
        service.Settings.PubSub.EmulatorHost = broker;
        await service.InitializeAsync();
        return service;
    }

    /// <summary>Counts how often the service's log has a text.</summary>
    public static async Task<int> LoggedAsync(RunningService service, string text)
    {
        var path = Path.Combine(service.Settings.StateDirectory, "service.log");
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return (await reader.ReadToEndAsync()).Split(text).Length - 1;
    }
}
