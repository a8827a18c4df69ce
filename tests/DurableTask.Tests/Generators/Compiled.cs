using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.DurableTask.Generators.Determinism;
using Microsoft.DurableTask.Generators.Tasks;

namespace Workflows.DurableTask.Tests.Generators;

/// <summary>Source text, compiled with the generator and looked at by the analyzer.</summary>
internal static class Compiled
{
    private const string Usings = """
        using System;
        using System.Collections.Generic;
        using System.Linq;
        using System.Threading;
        using System.Threading.Tasks;
        using Microsoft.DurableTask;
        using Microsoft.DurableTask.Entities;

        """;

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    // All tests start from one compilation, so that the references are read once.
    private static readonly CSharpCompilation Empty = CSharpCompilation.Create(
        "Compiled",
        references: References,
        options: new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));

    public static CSharpCompilation Parse(string source) =>
        Empty.AddSyntaxTrees(CSharpSyntaxTree.ParseText(Usings + source));

    public static GeneratorDriver Driver() => CSharpGeneratorDriver.Create(
        [new DurableTaskSourceGenerator().AsSourceGenerator()],
        driverOptions: new GeneratorDriverOptions(
            IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    /// <summary>The assembly, with what was generated; anything that the compiler says fails the test.</summary>
    public static Assembly Load(string source)
    {
        Driver().RunGeneratorsAndUpdateCompilation(
            Parse(source), out Compilation compilation, out ImmutableArray<Diagnostic> problems);
        Assert.Empty(problems);
        Assert.Empty(compilation.GetDiagnostics().Where(one => one.Severity >= DiagnosticSeverity.Warning));
        using var image = new MemoryStream();
        Assert.True(compilation.Emit(image).Success);
        image.Position = 0;
        return new AssemblyLoadContext(null, isCollectible: true).LoadFromStream(image);
    }

    public static IReadOnlyList<Diagnostic> Problems(string source) =>
        Driver().RunGenerators(Parse(source)).GetRunResult().Diagnostics;

    /// <summary>What the analyzer says, as "ID: the text that it is about", in the order of the text.</summary>
    public static async Task<string[]> AnalyzeAsync(string source)
    {
        CSharpCompilation compilation = Parse(source);
        Assert.Empty(compilation.GetDiagnostics().Where(one => one.Severity == DiagnosticSeverity.Error));
        ImmutableArray<Diagnostic> found = await compilation
            .WithAnalyzers([new OrchestratorDeterminismAnalyzer()])
            .GetAnalyzerDiagnosticsAsync(TestContext.Current.CancellationToken);
        return
        [
            .. found.OrderBy(one => one.Location.SourceSpan.Start).Select(one =>
                $"{one.Id}: {one.Location.SourceTree!.GetText().ToString(one.Location.SourceSpan)}"),
        ];
    }
}
