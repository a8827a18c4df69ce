using System.Reflection;
using System.Runtime.Loader;
using Microsoft.DurableTask;
using Workflows.Orchestrations;

namespace Workflows.OfficialSdk.Tests;

/// <summary>The packages here have what the official ones have; the orchestrators here compile with both.</summary>
public sealed class SourceCompatibilityTests
{
    private static readonly string[] Official =
    [
        "Microsoft.DurableTask.Abstractions", "Microsoft.DurableTask.Client", "Microsoft.DurableTask.Client.Grpc",
        "Microsoft.DurableTask.Worker", "Microsoft.DurableTask.Worker.Grpc",
    ];

    private static readonly string[] Own = ["Abstractions", "Client", "Worker"];

    [Fact]
    public void PublicSurface_OfTheOfficialPackages_IsThereButForTheNamedParts()
    {
        var context = new AssemblyLoadContext("own", isCollectible: true);
        HashSet<string> own = [.. Own.SelectMany(name => Surface(context.LoadFromAssemblyPath(PathOf(name))))];
        string[] absent = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "absent.txt"));

        IEnumerable<string> missing = Official.SelectMany(name => Surface(Assembly.Load(name)))
            .Where(member => !own.Contains(member)
                && !absent.Any(part => part.Length > 0 && member.StartsWith(part, StringComparison.Ordinal)));
        IEnumerable<string> superfluous = absent.Where(part => part.Length > 0 && part[0] != '#'
            && own.Any(member => member.StartsWith(part, StringComparison.Ordinal)));

        Assert.Empty(missing);
        Assert.Empty(superfluous);
        context.Unload();
    }

    [Fact]
    public void Orchestrators_CompiledWithTheOfficialPackages_RegisterThemselves()
    {
        var registry = new DurableTaskRegistry();

        registry.AddRunOrchestrations();

        Assert.Throws<ArgumentException>(() => registry.AddOrchestrator<FineTuneOrchestration>());
    }

    private static string PathOf(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(
            here.Parent!.Parent!.FullName, $"Workflows.DurableTask.{project}", here.Name,
            $"Workflows.DurableTask.{project}.dll");
    }

    /// <summary>
    /// Every type and every member that users can name, as "TYPE" and "TYPE.NAME`ARITY(PARAMETERS) : RESULT".
    /// </summary>
    private static IEnumerable<string> Surface(Assembly assembly)
    {
        const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
            | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (Type type in assembly.GetExportedTypes())
        {
            yield return Name(type);
            IEnumerable<MethodBase> members = type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All))
                .Where(member => member.IsPublic || member.IsFamily || member.IsFamilyOrAssembly);
            foreach (MethodBase member in members.Where(member => member.Name[0] != '<'))
            {
                string parameters = string.Join(", ", member.GetParameters().Select(one => Name(one.ParameterType)));
                string arity = member.IsGenericMethod ? $"`{member.GetGenericArguments().Length}" : "";
                string result = member is MethodInfo method ? $" : {Name(method.ReturnType)}" : "";
                yield return $"{Name(type)}.{member.Name}{arity}({parameters}){result}";
            }

            foreach (FieldInfo field in type.GetFields(All).Where(field => field.IsPublic))
            {
                yield return $"{Name(type)}.{field.Name} : {Name(field.FieldType)}";
            }
        }
    }

    private static string Name(Type type) => type switch
    {
        { IsByRef: true } => $"ref {Name(type.GetElementType()!)}",
        { IsArray: true } => $"{Name(type.GetElementType()!)}[]",
        { IsGenericParameter: true } => type.Name,
        { IsGenericType: true } =>
            $"{type.Namespace}.{type.Name}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>",
        _ => type.FullName!,
    };
}
