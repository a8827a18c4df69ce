using Workflows.TestKit;

namespace Workflows.DurableTask.Tests.Conformance;

/// <summary>The published JavaScript packages of Durable Task.</summary>
internal static class JsPackages
{
    private const string Sdk = "@microsoft/durabletask-js@0.4.0";

    /// <summary>The SDK.</summary>
    public static JsPackage Plain { get; } = new(Sdk, "durabletask-js-0.4.0", Sdk);

    /// <summary>
    /// The SDK and its package for the Durable Task Scheduler; WORKFLOWS_JS_AZUREMANAGED names another source of the
    /// latter than npm's name for it, such as a packed file, for registries that lack it.
    /// </summary>
    public static JsPackage Managed { get; } = new(
        "@microsoft/durabletask-js-azuremanaged@0.4.0", "durabletask-js-azuremanaged-0.4.0", Sdk,
        Environment.GetEnvironmentVariable("WORKFLOWS_JS_AZUREMANAGED") is { Length: > 0 } source
            ? source : "@microsoft/durabletask-js-azuremanaged@0.4.0");
}
