using Workflows.Activities.Data;
using Workflows.ModelFiles;

namespace Workflows.Service.Runs;

/// <summary>Reads the scenario of a rehearsal.</summary>
internal static class ScenarioFile
{
    /// <summary>
    /// Reads a scenario once, within its limit. The check of the request does not protect the reading, since the file
    /// may be another one by then.
    /// </summary>
    /// <param name="given">A path, or a <c>file://</c> address; null for a cloud without faults.</param>
    /// <returns>The text.</returns>
    /// <exception cref="RunRequestException">It is no regular file, too large, or cannot be read.</exception>
    public static string Read(string? given)
    {
        if (given is null)
        {
            return "{}";
        }

        var path = given.Contains("://", StringComparison.Ordinal) ? new Uri(given).LocalPath : given;
        try
        {
            using var reader = new StreamReader(
                new MemoryStream(RegularFile.ReadAll(path, InputFile.MostScenarioBytes)));
            return reader.ReadToEnd();
        }
        catch (ModelFileException exception)
        {
            throw new RunRequestException([new FieldError(
                "rehearsal.scenario", $"'{path}' cannot be used: {exception.Problem}.",
                "Give a scenario file that the service may read.")]);
        }
    }
}
