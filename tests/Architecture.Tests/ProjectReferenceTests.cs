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
        ["Workflows.DurableTask.AzureManaged"] = [],
        ["Workflows.DurableTask.Sidecar"] = [],
        ["Workflows.GoogleCloud.Connections"] = [],
        ["Workflows.GoogleCloud.Tpu.V2"] = ["Workflows.GoogleCloud.Connections"],
        ["Workflows.GoogleCloud.PubSub.V1"] = ["Workflows.GoogleCloud.Connections"],
        ["Workflows.GoogleCloud.TpuEmulator"] = ["Workflows.GoogleCloud.Connections", "Workflows.GoogleCloud.Tpu.V2"],
        ["Workflows.Artifacts"] = ["Workflows.GoogleCloud.Connections", "Workflows.ModelFiles"],
        ["Workflows.Translation"] = [],
        ["Workflows.ModelFiles"] = ["Workflows.Translation"],
        ["Workflows.TpuWorker.Protocol"] = [],
        ["Workflows.TpuWorker.Tensors"] = [],
        ["Workflows.TpuWorker.Onnx"] = ["Workflows.TpuWorker.Tensors"],
        ["Workflows.TpuWorker.Pjrt"] = ["Workflows.TpuWorker.StableHlo", "Workflows.TpuWorker.Tensors"],
        ["Workflows.TpuWorker.StableHlo"] = ["Workflows.TpuWorker.Tensors"],
        ["Workflows.TpuWorker.Gemma3"] =
        [
            "Workflows.TpuWorker.Tensors", "Workflows.TpuWorker.Onnx", "Workflows.TpuWorker.Pjrt",
            "Workflows.TpuWorker.StableHlo", "Workflows.ModelFiles", "Workflows.Translation",
        ],
        ["Workflows.TpuWorker.Host"] =
        [
            "Workflows.Artifacts", "Workflows.TpuWorker.Gemma3", "Workflows.TpuWorker.Pjrt",
            "Workflows.TpuWorker.Protocol", "Workflows.TpuWorker.Tensors", "Workflows.ModelFiles",
            "Workflows.Translation",
        ],
        ["Workflows.Orchestrations"] = [],
        ["Workflows.Activities"] =
        [
            "Workflows.Artifacts", "Workflows.Orchestrations", "Workflows.ModelFiles", "Workflows.Translation",
            "Workflows.GoogleCloud.Connections", "Workflows.GoogleCloud.Tpu.V2",
        ],
        ["Workflows.Service"] =
        [
            "Workflows.DurableTask.AzureManaged", "Workflows.DurableTask.Sidecar",
            "Workflows.Activities", "Workflows.Artifacts", "Workflows.Orchestrations",
            "Workflows.GoogleCloud.PubSub.V1", "Workflows.ModelFiles",
            "Workflows.GoogleCloud.TpuEmulator", "Workflows.TpuWorker.Compile", "Workflows.TpuWorker.Host",
            "Workflows.TpuWorker.Protocol", "Workflows.Translation",
        ],

        // The one exception to "nothing references the service": the command can hold it. See ADR 0002.
        ["Workflows.Cli"] =
        [
            "Workflows.Activities", "Workflows.ModelFiles", "Workflows.Orchestrations", "Workflows.Service",
            "Workflows.TpuWorker.Compile", "Workflows.TpuWorker.Host", "Workflows.TpuWorker.Tensors",
            "Workflows.Translation",
        ],
        ["Workflows.TpuWorker.Compile"] =
        [
            "Workflows.ModelFiles", "Workflows.TpuWorker.Gemma3", "Workflows.TpuWorker.Pjrt",
            "Workflows.TpuWorker.StableHlo", "Workflows.TpuWorker.Tensors",
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
                reference.Attribute("Include")!.Value.Replace('\\', '/')));

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
