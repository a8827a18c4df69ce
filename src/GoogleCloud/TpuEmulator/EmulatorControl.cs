namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>
/// Lets applications control an emulator that is a program of its own: <c>PUT /emulator/projects/P</c> with a scenario,
/// which is refused with 400 and a text; <c>GET</c> of the same, its scenario; and <c>GET /emulator/projects</c>, the
/// occupied ones.
/// </summary>
public static class EmulatorControl
{
    internal const string Path = "/emulator/projects";

    /// <summary>Maps them.</summary>
    /// <param name="application">The emulator.</param>
    public static void MapEmulatorControl(this WebApplication application)
    {
        application.MapGet(Path, (ITpuEmulator emulator) => Results.Json(emulator.Occupied()));
        application.MapGet($"{Path}/{{project}}", (string project, ITpuEmulator emulator) =>
            emulator.ScenarioOf(project) is { } scenario
                ? Results.Text(scenario, "application/json") : Results.NotFound());
        application.MapPut($"{Path}/{{project}}", async (string project, HttpRequest request, ITpuEmulator emulator) =>
        {
            using var reader = new StreamReader(request.Body);
            var scenario = await reader.ReadToEndAsync(request.HttpContext.RequestAborted);
            try
            {
                emulator.Prepare(project, scenario);
                return Results.NoContent();
            }
            catch (ScenarioException exception)
            {
                return Results.Text(exception.Message, statusCode: StatusCodes.Status400BadRequest);
            }
        });
    }
}
