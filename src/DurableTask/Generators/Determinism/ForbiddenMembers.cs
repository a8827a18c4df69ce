using Microsoft.CodeAnalysis;

namespace Microsoft.DurableTask.Generators.Determinism;

/// <summary>The table of what does not replay, by type and, where only some members matter, by member.</summary>
internal static class ForbiddenMembers
{
    private static readonly Dictionary<string, (DiagnosticDescriptor Rule, string[] Members)[]> Table =
        new(StringComparer.Ordinal)
        {
            ["System.DateTime"] = [(DeterminismRules.Clock, ["Now", "UtcNow", "Today"])],
            ["System.DateTimeOffset"] = [(DeterminismRules.Clock, ["Now", "UtcNow"])],
            ["System.TimeProvider"] = [(DeterminismRules.Clock, [])],
            ["System.Diagnostics.Stopwatch"] = [(DeterminismRules.Clock, [])],
            ["System.Guid"] = [(DeterminismRules.NewGuid, ["NewGuid", "CreateVersion7"])],
            ["System.Threading.Tasks.Task"] =
            [
                (DeterminismRules.Delay, ["Delay"]),
                (DeterminismRules.Threads, ["Run", "ContinueWith", "Start", "Yield", "ConfigureAwait", "Wait"]),
            ],
            ["System.Threading.Tasks.Task<TResult>"] =
                [(DeterminismRules.Threads, ["ContinueWith", "ConfigureAwait"])],
            ["System.Threading.Tasks.TaskFactory"] = [(DeterminismRules.Threads, [])],
            ["System.Threading.Tasks.TaskFactory<TResult>"] = [(DeterminismRules.Threads, [])],
            ["System.Threading.Tasks.Parallel"] = [(DeterminismRules.Threads, [])],
            ["System.Threading.Thread"] =
                [(DeterminismRules.Delay, ["Sleep"]), (DeterminismRules.Threads, [])],
            ["System.Threading.ThreadPool"] = [(DeterminismRules.Threads, [])],
            ["System.Threading.Timer"] = [(DeterminismRules.Threads, [])],
            ["System.Threading.SemaphoreSlim"] = [(DeterminismRules.Threads, [])],
            ["System.Threading.Monitor"] = [(DeterminismRules.Threads, [])],
            ["System.Environment"] = [(DeterminismRules.Environment, [])],
            ["System.Random"] = [(DeterminismRules.Chance, [])],
            ["System.Security.Cryptography.RandomNumberGenerator"] = [(DeterminismRules.Chance, [])],
            ["System.IO.File"] = [(DeterminismRules.InputOutput, [])],
            ["System.IO.FileInfo"] = [(DeterminismRules.InputOutput, [])],
            ["System.IO.FileStream"] = [(DeterminismRules.InputOutput, [])],
            ["System.IO.Directory"] = [(DeterminismRules.InputOutput, [])],
            ["System.IO.DirectoryInfo"] = [(DeterminismRules.InputOutput, [])],
            ["System.IO.StreamReader"] = [(DeterminismRules.InputOutput, [])],
            ["System.IO.StreamWriter"] = [(DeterminismRules.InputOutput, [])],
            ["System.Net.Http.HttpClient"] = [(DeterminismRules.InputOutput, [])],
            ["System.Net.Http.HttpMessageInvoker"] = [(DeterminismRules.InputOutput, [])],
            ["System.Net.Dns"] = [(DeterminismRules.InputOutput, [])],
            ["System.Net.Sockets.Socket"] = [(DeterminismRules.InputOutput, [])],
            ["System.Net.Sockets.TcpClient"] = [(DeterminismRules.InputOutput, [])],
            ["System.Data.Common.DbConnection"] = [(DeterminismRules.InputOutput, [])],
            ["System.Data.Common.DbCommand"] = [(DeterminismRules.InputOutput, [])],
            ["System.Diagnostics.Process"] = [(DeterminismRules.InputOutput, [])],
            ["System.Console"] = [(DeterminismRules.InputOutput, [])],
            ["Azure.Storage.Blobs.BlobClient"] = [(DeterminismRules.InputOutput, [])],
            ["Azure.Storage.Queues.QueueClient"] = [(DeterminismRules.InputOutput, [])],
            ["Microsoft.DurableTask.Client.DurableTaskClient"] = [(DeterminismRules.InputOutput, [])],
        };

    /// <summary>The rule that a use of a member breaks; null for none.</summary>
    public static DiagnosticDescriptor? Find(ISymbol member)
    {
        for (INamedTypeSymbol? type = member.ContainingType; type is not null; type = type.BaseType)
        {
            if (Table.TryGetValue(type.OriginalDefinition.ToDisplayString(), out var entries))
            {
                return entries
                    .FirstOrDefault(entry => entry.Members.Length == 0 || entry.Members.Contains(member.Name)).Rule;
            }
        }

        return null;
    }
}
