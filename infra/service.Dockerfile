# The service: HTTP API on 8080, gRPC on 8081 (workers dial it), the emulator's REST side on 8082 and
# its buckets on 8083.
# The worker lies beside it, because the rehearsal cloud starts it as a process.
#   docker build -f infra/service.Dockerfile -t workflows-service .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/Service/Workflows.Service.csproj -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
RUN mkdir /data && chown $APP_UID /data
ENV ASPNETCORE_URLS=http://0.0.0.0:8080 \
    Workflows__StateDirectory=/data
VOLUME /data
EXPOSE 8080 8081 8082 8083
USER $APP_UID
ENTRYPOINT ["dotnet", "Workflows.Service.dll"]
