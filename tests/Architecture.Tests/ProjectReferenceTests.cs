using System.Xml.Linq;

namespace Workflows.Architecture.Tests;

/// <summary>
/// Which project references which: the table is exact, because transitive references are off and each arrow of the code
/// is a line in a project file. Changing the table is a change of the architecture: docs/architecture.md.
/// </summary>
public sealed class ProjectReferenceTests
{
    private static readonly Dictionary<string, string[]> Arrows = new(StringComparer.Ordinal)
    {
        ["Workflows.DurableTask.Protocol"] = [],
        ["Workflows.DurableTask.Abstractions"] = [],
        ["Workflows.DurableTask.Client"] = ["Workflows.DurableTask.Abstractions", "Workflows.DurableTask.Protocol"],
        ["Workflows.DurableTask.Worker"] = ["Workflows.DurableTask.Abstractions", "Workflows.DurableTask.Protocol"],
        ["Workflows.DurableTask.AzureManaged"] =
            ["Workflows.DurableTask.Abstractions", "Workflows.DurableTask.Client", "Workflows.DurableTask.Worker"],
        ["Workflows.DurableTask.Generators"] = [],
        ["Workflows.DurableTask.InProcessTestHost"] =
        [
            "Workflows.DurableTask.Abstractions", "Workflows.DurableTask.Client", "Workflows.DurableTask.Sidecar",
            "Workflows.DurableTask.Worker",
        ],
        ["Workflows.DurableTask.Sidecar"] = ["Workflows.DurableTask.Protocol"],
        ["Workflows.GoogleCloud.Connections"] = [],
        ["Workflows.GoogleCloud.Tpu.V2"] = ["Workflows.GoogleCloud.Connections"],
        ["Workflows.GoogleCloud.PubSub.V1"] = ["Workflows.GoogleCloud.Connections"],
        ["Workflows.GoogleCloud.TpuEmulator"] = ["Workflows.GoogleCloud.Tpu.V2"],
        ["Workflows.Translation"] = [],
        ["Workflows.TpuWorker.Protocol"] = [],
        ["Workflows.TpuWorker.Tensors"] = [],
        ["Workflows.TpuWorker.Onnx"] = ["Workflows.TpuWorker.Tensors"],
        ["Workflows.TpuWorker.Gemma3"] =
            ["Workflows.TpuWorker.Tensors", "Workflows.TpuWorker.Onnx", "Workflows.Translation"],
        ["Workflows.TpuWorker.Host"] =
        [
            "Workflows.TpuWorker.Gemma3", "Workflows.TpuWorker.Protocol", "Workflows.TpuWorker.Tensors",
            "Workflows.Translation",
        ],
        ["Workflows.Orchestrations"] = ["Workflows.DurableTask.Abstractions"],
        ["Workflows.Activities"] =
        [
            "Workflows.DurableTask.Abstractions", "Workflows.Orchestrations", "Workflows.Translation",
            "Workflows.GoogleCloud.Tpu.V2",
        ],
        ["Workflows.Service"] =
        [
            "Workflows.DurableTask.Abstractions", "Workflows.DurableTask.AzureManaged",
            "Workflows.DurableTask.Client", "Workflows.DurableTask.Sidecar", "Workflows.DurableTask.Worker",
            "Workflows.Activities", "Workflows.Orchestrations", "Workflows.GoogleCloud.PubSub.V1",
            "Workflows.GoogleCloud.TpuEmulator", "Workflows.TpuWorker.Host", "Workflows.TpuWorker.Protocol",
            "Workflows.Translation",
        ],

        // The one exception to "nothing references the service": the command can hold it. See ADR 0002.
        ["Workflows.Cli"] =
        [
            "Workflows.Activities", "Workflows.Orchestrations", "Workflows.Service", "Workflows.TpuWorker.Host",
            "Workflows.TpuWorker.Tensors", "Workflows.Translation",
        ],
    };

    public static TheoryData<string> Projects => [.. Directory
        .EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
        .Select(Repository.Relative).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectReferences_OfEverySourceProject_AreThoseOfTheTable(string project)
    {
        var document = XDocument.Load(Path.Combine(Repository.Root, project));
        var name = Path.GetFileNameWithoutExtension(project);

        var references = document.Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(
                reference.Attribute("Include")!.Value.Replace('\\', '/')))
            .Concat(document.Descendants("DurableTaskReference")
                .SelectMany(reference => reference.Attribute("Include")!.Value.Split(';'))
                .Select(reference => $"Workflows.DurableTask.{reference}"));

        Assert.True(Arrows.ContainsKey(name), $"{name} is not in the table of rooms.");
        Assert.Equal(Arrows[name].Order(StringComparer.Ordinal), references.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Table_NamesNoProjectThatIsGone()
    {
        var names = Projects.Select(row => Path.GetFileNameWithoutExtension(row.Data));

        Assert.Empty(Arrows.Keys.Except(names));
    }
}
