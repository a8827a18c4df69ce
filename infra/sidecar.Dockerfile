# The Durable Task engine as a container. Build from the root of the repository:
#   docker build -f infra/sidecar.Dockerfile -t workflows-sidecar .
#   docker run -p 4001:4001 -v taskhub:/data workflows-sidecar
# Options: see docs/durable-task-engine.md, for example -e TaskHub__Retention=30.00:00:00.
# /data must be a disk of one machine: the file is locked by its process, and network file systems lie about that.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props .editorconfig ./
COPY eng/ eng/
COPY src/DurableTask/ src/DurableTask/
RUN dotnet publish src/DurableTask/Sidecar/Workflows.DurableTask.Sidecar.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
RUN mkdir /data && chown $APP_UID /data
USER $APP_UID
VOLUME /data
EXPOSE 4001
# The engine stops its workers' streams, then commits; that takes less than a second.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["dotnet", "Workflows.DurableTask.Sidecar.dll", "--health"]
ENTRYPOINT ["dotnet", "Workflows.DurableTask.Sidecar.dll", "--urls", "http://0.0.0.0:4001", "--data", "/data"]
