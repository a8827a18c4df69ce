using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.TestKit;

namespace Workflows.TpuWorker.Tests.Host;

/// <summary>The worker's container has what its program asks for.</summary>
public sealed partial class WorkerImageTests
{
    /// <summary>Frameworks that each of Microsoft's images has.</summary>
    private static readonly Dictionary<string, string[]> Images = new(StringComparer.Ordinal)
    {
        ["runtime-deps"] = [],
        ["runtime"] = ["Microsoft.NETCore.App"],
        ["aspnet"] = ["Microsoft.NETCore.App", "Microsoft.AspNetCore.App"],
        ["sdk"] = ["Microsoft.NETCore.App", "Microsoft.AspNetCore.App"],
    };

    [Fact]
    public void BaseImage_OfTheWorker_HasEveryFrameworkThatItsProgramAsksFor()
    {
        var image = BaseImage().Matches(File.ReadAllText(Checkout.PathOf("infra", "worker.Dockerfile")))[^1];
        using var config = JsonDocument.Parse(File.ReadAllText(
            Path.Combine(AppContext.BaseDirectory, "Workflows.TpuWorker.Host.runtimeconfig.json")));
        var options = config.RootElement.GetProperty("runtimeOptions");
        var asked = options.TryGetProperty("frameworks", out var several)
            ? [.. several.EnumerateArray()]
            : new List<JsonElement> { options.GetProperty("framework") };

        Assert.NotEmpty(asked);
        Assert.Equal([], asked.Select(framework => framework.GetProperty("name").GetString()!)
            .Except(Images[image.Groups["name"].Value]));
        Assert.All(asked, framework => Assert.StartsWith(
            $"{image.Groups["version"].Value}.", framework.GetProperty("version").GetString(),
            StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^FROM mcr\.microsoft\.com/dotnet/(?<name>[a-z-]+):(?<version>\d+\.\d+)",
        RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex BaseImage();
}
